#!/bin/sh
# Runs test programs and sums up: run.sh BUILD NAME...
# Each program prints cmocka's own report. tool, consumers, examples and fuzz are scripts, conformance a program that replays
# tests/data; they end with a line of counts. The last line counts the tests of all of them.
build=$1
shift
passed=0 failed=0 broken=
for name in "$@"; do
    log=$build/test_$name.log
    case $name in
    tool) sh tests/test_tool.sh "$build/diffkit" ;;
    consumers | examples | fuzz) sh "tests/test_$name.sh" "$build" ;;
    conformance) "$build/conformance" tests/data/*.jsonl ;;
    *) "$build/test_$name" ;;
    esac >"$log" 2>&1
    status=$?
    p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{s += $1} END {print s + 0}')
    f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{s += $1} END {print s + 0}')
    case $name in tool | consumers | examples | fuzz | conformance)
        p=$(sed -n 's/^\([a-z]*: \)\{0,1\}\([0-9]*\) passed.*/\2/p' "$log")
        f=$(sed -n 's/^\([a-z]*: \)\{0,1\}[0-9]* passed, \([0-9]*\) failed.*/\2/p' "$log") ;;
    esac
    if [ $status -ne 0 ] || [ "$p" = 0 ]; then
        cat "$log"
        [ "$f" = 0 ] && f=1 # died without a report
        broken="$broken $name"
    fi
    printf '%-12s %4d passed %4d failed\n' "$name" "$p" "$f"
    sed -n 's/^[a-z]*: \(skipped: \)/             \1/p' "$log"
    passed=$((passed + p)) failed=$((failed + f))
done
[ -n "$broken" ] && echo "broken:$broken"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
