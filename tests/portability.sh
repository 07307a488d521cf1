#!/bin/sh
# The tests on every target whose tools are installed: portability.sh BUILD [NAME...]
# One line each: passed, failed or skipped with the reason. NAME: only targets that match one of these patterns.
# Fails if one failed. TESTS: the programs to run; by default all of them or the quicker ones.
# tests/mini/cmocka.h stands for cmocka, which is not there for most targets; that it fails when a check does is tested first.
build=${1:-build}/portability
[ $# -gt 0 ] && shift
only=$*
all=$(ls tests/test_*.c | sed 's/.*test_\(.*\)\.c/\1/' | grep -vE '^(snippets|large)$')
quick="golden math schedule grid plan json noise names half"
own=$(grep -l "^.define DIFFKIT_IMPLEMENTATION" tests/test_*.c | sed "s/.*test_\(.*\)\.c/\1/" | tr "\n" " ") # these have a copy of the implementation
passed=0 failed=0 skipped=0
mkdir -p "$build"

say() { # NAME passed|failed|skipped WHY
    printf '%-26s %-8s %s\n' "$1" "$2" "$3"
    eval "$2=\$(($2 + 1))"
}

wanted() { # NAME
    [ -z "$only" ] && return 0
    for target in $only; do
        case $1 in $target) return 0 ;; esac
    done
    return 1
}

# What is missing for a target: commands, and then what a small program needs to be built and run.
missing() { # FOLDER RUN COMPILE NEEDS...
    folder=$1 run=$2 compile=$3
    shift 3
    for need in "$@"; do
        command -v "$need" >/dev/null || {
            echo "no $need"
            return
        }
    done
    printf '#include <stdio.h>\n#include <math.h>\nint main(void) { return printf("%%f", sin(1.0)) < 0; }\n' >"$folder/hello.c"
    $compile "$folder/hello.c" -o "$folder/hello.exe" -lm >"$folder/hello.log" 2>&1 || {
        echo "cannot build a program: $(grep -m 1 -i 'error' "$folder/hello.log")"
        return
    }
    case $run in
    none) ;;
    *) timeout 120 $run "$folder/hello.exe" >/dev/null 2>&1 || echo "cannot run a program" ;;
    esac
}

# A target. RUN: what runs its programs, "" for nothing. NEEDS: commands.
try() { # NAME RUN COMPILE TESTS NEEDS...
    name=$1 run=$2 compile="$3 -Itests/mini -I. -Ibuild" tests=${TESTS:-$4}
    wanted "$name" || return
    shift 4
    folder=$build/$name
    mkdir -p "$folder"
    why=$(missing "$folder" "$run" "$compile" "$@")
    [ -n "$why" ] && say "$name" skipped "$why" && return
    bad= sum=0 link=$(echo "$compile" | sed 's/-x c++//')
    if ! $compile -c tests/diffkit.c -o "$folder/diffkit.o" >"$folder/diffkit.log" 2>&1; then
        tail -n 4 "$folder/diffkit.log" | sed 's/^/    /'
        say "$name" failed "the implementation does not compile: see $folder/diffkit.log"
        return
    fi
    for test in $tests; do
        log=$folder/$test.log object=$folder/diffkit.o
        case " $own " in *" $test "*) object= ;; esac
        if $compile -c tests/test_$test.c -o "$folder/$test.o" >"$log" 2>&1 &&
            $link "$folder/$test.o" $object -o "$folder/$test.exe" -lm $THREADS >>"$log" 2>&1 &&
            timeout 1200 $run "$folder/$test.exe" >>"$log" 2>&1; then
            sum=$((sum + $(sed -n 's/^\[  PASSED  \] \([0-9]*\).*/\1/p' "$log")))
        else
            bad="$bad $test"
            tail -n 4 "$log" | sed 's/^/    /'
        fi
    done
    if [ -n "$bad" ]; then say "$name" failed "in$bad: see $folder"; else say "$name" passed "$sum tests"; fi
}

# Nothing fused: the implementation alone, compiled for a processor that can, must not contain what matches PATTERN.
unfused() { # NAME PATTERN DISASSEMBLE COMPILE NEEDS...
    name=$1 pattern=$2 disassemble=$3 compile=$4
    wanted "$name" || return
    shift 4
    folder=$build/$name
    mkdir -p "$folder"
    why=$(missing "$folder" none "$compile -c" "$@" ${disassemble%% *})
    [ -n "$why" ] && say "$name" skipped "$why" && return
    printf '#define DIFFKIT_IMPLEMENTATION\n#include "diffkit.h"\n' >"$folder/all.c"
    # The search must find what it is for: a fused operation where one is allowed.
    printf 'double f(double a, double b, double c) { return __builtin_fma(a, b, c); }\n' >"$folder/fused.c"
    if ! $compile -I. -c "$folder/all.c" -o "$folder/all.o" >"$folder/log" 2>&1 ||
        ! $compile -c "$folder/fused.c" -o "$folder/fused.o" >>"$folder/log" 2>&1; then
        say "$name" failed "does not compile: see $folder/log"
    elif ! $disassemble "$folder/fused.o" | grep -qE "$pattern"; then
        say "$name" failed "the pattern finds no fused operation where there is one"
    elif $disassemble "$folder/all.o" | grep -E "$pattern" >"$folder/log"; then
        say "$name" failed "$(wc -l <"$folder/log") fused operations: see $folder/log"
    else
        say "$name" passed "no fused multiply-add"
    fi
}

# Compiles alone, for machines without an operating system: no allocation, no input or output in what it calls.
bare() { # NAME COMPILE NEEDS...
    name=$1 compile=$2
    wanted "$name" || return
    shift 2
    folder=$build/$name
    mkdir -p "$folder"
    why=$(missing "$folder" none "$compile -c" "$@")
    [ -n "$why" ] && say "$name" skipped "$why" && return
    printf '#define DIFFKIT_IMPLEMENTATION\n#include "diffkit.h"\n' >"$folder/all.c"
    if ! $compile -I. -DDK_NO_MALLOC -Wall -Wextra -Werror -c "$folder/all.c" -o "$folder/all.o" >"$folder/log" 2>&1; then
        say "$name" failed "does not compile: see $folder/log"
        return
    fi
    calls=$(nm -u "$folder/all.o" | sed 's/.* //' | grep -vE '^(mem|str)[a-z]*$|^(sqrtf?|fabs|floor|ceil|fmod)$|^__' | tr '\n' ' ')
    if [ -n "$calls" ]; then
        say "$name" failed "calls $calls"
    else
        say "$name" passed "$(size "$folder/all.o" | awk 'NR == 2 {print $1}') bytes, calls memory, string and exact math functions alone"
    fi
}

# Compiles alone, as MSVC would see it: clang with the types, macros and keywords of its target, headers like those of its C
# library (tests/msvc), and, once, without being known as clang, whose warnings about MSVC's pragmas then say nothing.
msvc() { # NAME PROCESSOR
    name=$1
    wanted "$name" || return
    folder=$build/$name
    mkdir -p "$folder"
    ! command -v clang >/dev/null && say "$name" skipped "no clang" && return
    printf '#define DIFFKIT_IMPLEMENTATION\n#include "diffkit.h"\n' >"$folder/all.c"
    tried=0
    for language in "-std=c11 -x c" "-std=c++14 -x c++"; do
        for with in "" -DDK_REAL=double -DDK_NO_PEERS "-U__clang__ -U__GNUC__ -Wno-unknown-pragmas -Wno-ignored-pragmas"; do
            # shellcheck disable=SC2086
            if ! clang --target="$2-pc-windows-msvc" -fms-extensions -fms-compatibility-version=19.30 -Wall -Wextra -Werror \
                $with -isystem tests/msvc -I. $language -c "$folder/all.c" -o "$folder/all.o" >"$folder/log" 2>&1; then
                head -n 4 "$folder/log" | sed 's/^/    /'
                say "$name" failed "does not compile with $language $with: see $folder/log"
                return
            fi
            tried=$((tried + 1))
        done
    done
    # What nobody can compile rightly is refused: fast, and not by clang, which is told otherwise in the file.
    if clang --target="$2-pc-windows-msvc" -fsyntax-only -D_M_FP_FAST -U__clang__ -U__GNUC__ -w -isystem tests/msvc -I. \
        "$folder/all.c" 2>"$folder/log" || ! grep -q 'without /fp:fast' "$folder/log"; then
        say "$name" failed "/fp:fast is not refused: see $folder/log"
    elif ! clang --target="$2-pc-windows-msvc" -fms-extensions -E -P -isystem tests/msvc -I. "$folder/all.c" >"$folder/all.i" ||
        ! awk -f tests/msvc/limits.awk "$folder/all.i" >"$folder/log"; then
        say "$name" failed "beyond MSVC's limits: $(cat "$folder/log")"
    else
        say "$name" passed "$tried compilations; /fp:fast is refused; $(cat "$folder/log")"
    fi
}

# tests/mini/cmocka.h sees a check that fails.
for check in 'assert_true(state == NULL)' 'assert_int_equal(1, 2)' 'assert_string_equal("a", "b")' \
    'assert_memory_equal("a", "b", 1)' 'fail_msg("%d", 1)' 'assert_null(state)' 'assert_in_range(3, 4, 5)'; do
    wanted mini || break
    printf '#include "cmocka.h"\nstatic void wrong(void **state) { (void)state; %s; }\nint main(void) { const struct CMUnitTest tests[] = {cmocka_unit_test(wrong)}; return cmocka_run_group_tests(tests, NULL, NULL); }\n' \
        "$check" >"$build/mini.c"
    if ! cc -Itests/mini "$build/mini.c" -o "$build/mini.exe" || "$build/mini.exe" | grep -q PASSED || "$build/mini.exe" >/dev/null; then
        say mini failed "passes where $check does not hold"
    fi
done
[ $failed -eq 0 ] && wanted mini && say mini passed "a check that does not hold ends the program"

THREADS=-lpthread
for compiler in gcc clang; do
    for level in -O0 -O2 -O3; do try "$compiler$level" "" "$compiler -std=c11 $level" "$all" $compiler; done
    contract= && [ $compiler = clang ] && contract=-ffp-contract=off
    try "$compiler-ffast-math" "" "$compiler -std=c11 -O2 -ffast-math" golden $compiler
    try "$compiler-ffast-math-native" "" "$compiler -std=c11 -O3 -march=native -ffast-math $contract" golden $compiler
    try "$compiler-O3-native" "" "$compiler -std=c11 -O3 -march=native" "golden stack" $compiler
    for std in c17 c2x c23; do try "$compiler-$std" "" "$compiler -std=$std -O1" "$quick" $compiler; done
    try "$compiler-double" "" "$compiler -std=c11 -O2 -DDK_REAL=double" golden $compiler
done
for compiler in g++ clang++; do
    for std in c++11 c++17 c++20; do
        try "$compiler-$std" "" "$compiler -x c++ -std=$std -O1" "$quick" $compiler
    done
done
# Four test programs have tables that tcc cannot compile.
try tcc "" "tcc" "$(echo "$all" | grep -vE '^(bad_input|json|sampler|schedule)$')" tcc
try musl "" "musl-gcc -std=c11 -O2 -static" "$all" musl-gcc
# Statically linked, it runs on the processor itself.
try i686 "" "i686-linux-gnu-gcc -std=c11 -O2 -static" "$all" i686-linux-gnu-gcc
try aarch64 "qemu-aarch64 -L /usr/aarch64-linux-gnu" "aarch64-linux-gnu-gcc -std=c11 -O2" "$quick" aarch64-linux-gnu-gcc qemu-aarch64
try armhf "qemu-arm -L /usr/arm-linux-gnueabihf" "arm-linux-gnueabihf-gcc -std=c11 -O2" "$quick" arm-linux-gnueabihf-gcc qemu-arm
try riscv64 "qemu-riscv64 -L /usr/riscv64-linux-gnu" "riscv64-linux-gnu-gcc -std=c11 -O2" "$quick" riscv64-linux-gnu-gcc qemu-riscv64
try s390x "qemu-s390x -L /usr/s390x-linux-gnu" "s390x-linux-gnu-gcc -std=c11 -O2" "$quick" s390x-linux-gnu-gcc qemu-s390x
try ppc64 "qemu-ppc64 -L /usr/powerpc64-linux-gnu" "powerpc64-linux-gnu-gcc -std=c11 -O2" "$quick" powerpc64-linux-gnu-gcc qemu-ppc64
THREADS=
try mingw64 "env WINEDEBUG=-all WINEPREFIX=$PWD/$build/wine /usr/lib/wine/wine64" "x86_64-w64-mingw32-gcc -std=c11 -O2" "$quick" x86_64-w64-mingw32-gcc /usr/lib/wine/wine64
cat >"$build/wasi.js" <<'JS'
const { WASI } = require("wasi"), fs = require("fs");
const wasi = new WASI({ version: "preview1", args: process.argv.slice(2), preopens: { ".": "." }, returnOnExit: true });
WebAssembly.instantiate(fs.readFileSync(process.argv[2]), { wasi_snapshot_preview1: wasi.wasiImport })
    .then((module) => { process.exitCode = wasi.start(module.instance); });
JS
try wasm32 "node --no-warnings $build/wasi.js" "clang --target=wasm32-wasi -std=c11 -O2 -Wl,-z,stack-size=1048576" "$quick" clang node

for compiler in gcc clang; do
    unfused "unfused-x86-64-$compiler" 'vfn?m(add|sub)' 'objdump -d' "$compiler -std=c11 -O3 -march=haswell" $compiler
done
unfused unfused-aarch64 'fn?m(add|sub|la|ls)' 'aarch64-linux-gnu-objdump -d' 'aarch64-linux-gnu-gcc -std=c11 -O3' aarch64-linux-gnu-gcc
unfused unfused-armhf 'vfn?m[as]' 'arm-linux-gnueabihf-objdump -d' 'arm-linux-gnueabihf-gcc -std=c11 -O3 -mfpu=neon-vfpv4' arm-linux-gnueabihf-gcc
unfused unfused-riscv64 'fn?m(add|sub)' 'riscv64-linux-gnu-objdump -d' 'riscv64-linux-gnu-gcc -std=c11 -O3' riscv64-linux-gnu-gcc
unfused unfused-s390x '[[:space:]]([vw]fn?m[as][dsx]|m[as][de])br?[[:space:]]' 's390x-linux-gnu-objdump -d' 's390x-linux-gnu-gcc -std=c11 -O3 -march=z14' s390x-linux-gnu-gcc
unfused unfused-ppc64 'fn?m(add|sub)|xsn?m(add|sub)|xvn?m(add|sub)' 'powerpc64-linux-gnu-objdump -d' 'powerpc64-linux-gnu-gcc -std=c11 -O3 -mcpu=power8' powerpc64-linux-gnu-gcc
for core in cortex-m0 cortex-m4 cortex-m7; do
    float=-mfloat-abi=hard && [ $core = cortex-m0 ] && float=
    bare "bare-$core" "arm-none-eabi-gcc -std=c11 -Os -ffreestanding -fno-short-enums -mthumb -mcpu=$core $float" arm-none-eabi-gcc
done
for processor in x86_64 i686 aarch64; do msvc "msvc-$processor" $processor; done
echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
