#!/bin/sh
# Line and branch coverage of diffkit.h by the test programs and the reference runs, with gcc and gcov: coverage.sh BUILD.
# What is not run is listed in BUILD/uncovered.txt.
build=${1:-build/coverage}
flags="-O0 -g --coverage -fprofile-update=atomic"
tests=$(ls tests/test_*.c | sed 's|tests/test_\(.*\)\.c|\1|' | grep -vx -e digits -e engine -e large -e stack) # slow here, and nothing else
make -s test BUILD="$build" CC=gcc CONSUMERS= TESTS="$(echo $tests)" CFLAGS="$flags" || exit 1

# also NAME REAL MORE TEST...: test programs with other flags
also() {
    dir=$build/$1 real=$2 more=$3
    shift 3
    for name; do
        make -s "$dir/test_$name" BUILD="$dir" CC=gcc REAL="$real" CFLAGS="$flags $more" || exit 1
        "$dir/test_$name" >"$dir/test_$name.log" 2>&1 || { cat "$dir/test_$name.log"; exit 1; }
    done
}
also double double '' half run
# loops for other processors than this one: told that it has no vectors, and that it has AVX2 alone
also plain float "-D'__builtin_cpu_supports(name)=*(volatile int[]){0}'" golden noise half run guidance editing control
also avx2 float "-D'__builtin_cpu_supports(name)=(((volatile char *)name)[3]==50)'" golden noise

find "$build" -name '*.gcda' | while IFS= read -r data; do
    gcov -b -c -t -s "$PWD" -r -o "$(dirname "$data")" "$data" 2>/dev/null
done | awk -v out="$build/uncovered.txt" '
    # one file after another; of branches, number by number within a line, the most that any file has taken
    /^ *-: *0:Source:/ { ours = $0 ~ /:diffkit\.h$/ }
    !ours { next }
    /^ *[0-9#=-]+\*?: *[0-9]+:/ {
        split($0, part, ":"); line = part[2] + 0; count = part[1]; gsub(/[ *]/, "", count); branch = 0
        text = substr($0, index($0, part[2] ":") + length(part[2]) + 1); say[line] = text
        if (line > 0 && count != "-") { code[line] = 1; if (count !~ /[#=]/) ran[line] = 1 }
    }
    /^branch / {
        key = line "," branch++; branches[key] = line
        if ($0 ~ /taken [1-9]/) taken[key] = 1
    }
    END {
        for (l in code) { lines++; if (l in ran) hit++; else print l ":" say[l] | ("sort -n >" out) }
        for (k in branches) { all++; if (k in taken) went++; else if (branches[k] in ran) missed[branches[k]]++ }
        for (l in missed) print l ": " missed[l] " of its branches:" say[l] | ("sort -n >" out)
        printf "diffkit.h: %d of %d lines (%.2f%%), %d of %d branches (%.2f%%)\n", hit, lines, 100 * hit / lines, went, all, 100 * went / all
    }'
echo "not run: $build/uncovered.txt"
