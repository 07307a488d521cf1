#!/bin/sh
# Runs test programs, two at a time (JOBS: so many), and sums up: run.sh BUILD NAME...
# Each program prints cmocka's own report. tool, programs, consumers, examples, fuzz, web and mpi are scripts, conformance a program that
# replays tests/data; they end with a line of counts. RUNNER, if set, runs the test programs: valgrind. The last line counts the tests of all of them.
if [ "$1" = one ]; then # run.sh one BUILD NAME: into a log, and the status into a file
    build=$2 name=$3
    case $name in
    tool) sh tests/test_tool.sh "$build/diffkit" ;;
    programs | consumers | examples | fuzz | web | mpi) sh "tests/test_$name.sh" "$build" ;;
    conformance) "$build/conformance" tests/data/*.jsonl ;;
    *) ${RUNNER:-} "$build/test_$name" ;;
    esac >"$build/test_$name.log" 2>&1
    echo $? >"$build/test_$name.status"
    exit 0
fi
build=$1
shift
passed=0 failed=0 broken=
for name; do rm -f "$build/test_$name.status"; done
# The longest first, so that the other processor does not wait for them at the end.
for name in consumers examples web sampler large tool bad_input; do case " $* " in *" $name "*) echo $name ;; esac; done >"$build/order"
printf '%s\n' "$@" | grep -vxF -f "$build/order" >>"$build/order"
xargs -n 1 -P "${JOBS:-2}" sh tests/run.sh one "$build" <"$build/order"
for name; do
    log=$build/test_$name.log
    status=$(cat "$build/test_$name.status" 2>/dev/null || echo 1)
    p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{s += $1} END {print s + 0}')
    f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{s += $1} END {print s + 0}')
    case $name in tool | programs | consumers | examples | fuzz | web | mpi | conformance)
        p=$(sed -n 's/^\([a-z]*: \)\{0,1\}\([0-9]*\) passed.*/\2/p' "$log")
        f=$(sed -n 's/^\([a-z]*: \)\{0,1\}[0-9]* passed, \([0-9]*\) failed.*/\2/p' "$log") ;;
    esac
    p=${p:-0} f=${f:-0}
    if [ "$status" -ne 0 ] || [ "$p" = 0 ]; then
        cat "$log"
        [ "$f" = 0 ] && f=1 # died without a report
        broken="$broken $name"
    fi
    printf '%-12s %4d passed %4d failed\n' "$name" "$p" "$f"
    sed -n 's/^[a-z]*: \(skipped: \)/             \1/p' "$log"
    passed=$((passed + p)) failed=$((failed + f))
done
grep -qs mini "$build/cmocka" && echo "without cmocka: tests/mini/cmocka.h stands for it"
[ -n "$broken" ] && echo "broken:$broken"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
