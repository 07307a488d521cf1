#!/bin/sh
# fuzz.sh BUILD SECONDS [TARGET...]: every target for so long under ASan and UBSan. Those that are given any bytes run with libFuzzer,
# from their corpus and what earlier runs left in BUILD: a third of it with comparisons traced, which finds words, a third without, which
# is 2 to 3 times as fast, and a third so in double; where afl-clang-fast is installed, then with AFL++ as well. Those of whole runs,
# where random bytes do, are given these, the last third in double; they go on from where they were. Prints executions and findings.
build=$1/fuzzing seconds=$2
shift 2
[ $# -gt 0 ] || set -- callbacks config elsewhere forged json levels names noise plan save table
SAN="-O2 -g -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"
sum=0 findings=0
mkdir -p "$build"
# random_bytes TARGET REAL SECONDS: chunks until the time is over, or something is found
random_bytes() {
    # shellcheck disable=SC2086
    [ -e "$build/random-$2" ] || clang -std=c11 $SAN -I. -DDK_REAL="$2" tests/fuzz/fuzz.c -o "$build/random-$2" -lm || exit 1
    end=$(($(date +%s) + $3)) n=0
    while [ "$(date +%s)" -lt "$end" ]; do
        first=$(cat "$build/$1-$2.next" 2>/dev/null || echo 0)
        ASAN_OPTIONS=abort_on_error=1 "$build/random-$2" "$1" random "$first" 10000 >"$build/$1.log" 2>&1 || findings=$((findings + 1))
        echo $((first + 10000)) >"$build/$1-$2.next"
        n=$((n + 10000))
    done
    sum=$((sum + n))
    printf '%-9s random %11d executions  %s\n' "$1" "$n" "$(grep -a -m 1 -E 'SUMMARY|broken|stopped' "$build/$1.log")"
}
rm -f "$build/random-float" "$build/random-double"
for target in "$@"; do
    kept=$build/$target
    case $target in callbacks | config | elsewhere | forged | plan)
        random_bytes "$target" float $((seconds * 2 / 3))
        random_bytes "$target" double $((seconds / 3))
        continue
        ;;
    esac
    mkdir -p "$kept"
    for trace in "" -fno-sanitize-coverage=trace-cmp "-fno-sanitize-coverage=trace-cmp -DDK_REAL=double"; do
        # shellcheck disable=SC2086
        clang -std=c11 $SAN -fsanitize=fuzzer $trace -I. -DFUZZ_TARGET=fuzz_"$target" tests/fuzz/fuzz.c -o "$kept.run" -lm || exit 1
        "$kept.run" -max_total_time=$(((seconds + 2) / 3)) -max_len=400 -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="$kept-found-" "$kept" "tests/fuzz/corpus/$target" >"$kept.log" 2>&1 || findings=$((findings + 1))
        n=$(sed -n 's/^stat::number_of_executed_units: //p' "$kept.log")
        sum=$((sum + ${n:-0}))
        printf '%-9s libFuzzer %10d executions  %s\n' "$target" "${n:-0}" "$(grep -a -m 1 -E 'SUMMARY|broken' "$kept.log")"
    done
    command -v afl-clang-fast >/dev/null || continue
    AFL_QUIET=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1 afl-clang-fast -std=c11 -O2 -fsanitize=fuzzer -I. -DFUZZ_TARGET=fuzz_"$target" \
        tests/fuzz/fuzz.c -o "$kept.afl" -lm >"$kept.log" 2>&1 || exit 1
    AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 \
        afl-fuzz -V "$seconds" -m none -t 20000 -i "tests/fuzz/corpus/$target" -o "$kept.out" -- "$kept.afl" >>"$kept.log" 2>&1
    n=$(sed -n 's/^execs_done *: //p' "$kept.out/default/fuzzer_stats")
    found=$(sed -n 's/^saved_crashes *: //p' "$kept.out/default/fuzzer_stats")
    sum=$((sum + ${n:-0})) findings=$((findings + ${found:-1}))
    printf '%-9s AFL++     %10d executions  %s\n' "$target" "${n:-0}" "${found:-no} crashes"
done
echo "$sum executions, $findings findings"
[ $findings -eq 0 ]
