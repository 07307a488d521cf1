#!/bin/sh
# The test suite with every compiler, sanitizer, precision and language that must hold.
# check.sh [BUILD]: prints one line per configuration and, last, the sum of all tests.
top=${1:-build}
passed=0 failed=0 broken=
run() { # NAME, then arguments for make
    name=$1
    shift
    log=$top/check-$name.log
    mkdir -p "$top"
    make -s -j2 test BUILD="$top/check-$name" CONSUMERS= "$@" >"$log" 2>&1
    status=$?
    line=$(tail -n 1 "$log")
    p=$(echo "$line" | sed -n 's/^\([0-9]*\) passed.*/\1/p') f=$(echo "$line" | sed -n 's/.* \([0-9]*\) failed$/\1/p')
    if [ $status -ne 0 ] || [ -z "$p" ]; then
        tail -n 40 "$log"
        broken="$broken $name"
        [ "${f:-0}" = 0 ] && f=1
    fi
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
    printf '%-28s %s\n' "$name" "$line"
}
SAN="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
CLANG_SAN="$SAN -fsanitize=float-cast-overflow,implicit-conversion"
RUNS="run parallel plan control half noise names travel" # every part of a run
# The reference runs and the fuzzers' inputs are replayed where a sanitizer, a compiler or a level may see something new in them; the
# tool, which takes its own flags, once for each compiler.
CORPORA="conformance fuzz"
run gcc-float-sanitized CC=gcc C_ONLY="$CORPORA" CFLAGS="$SAN"
run gcc-double CC=gcc C_ONLY= REAL=double
run gcc-float-O3-native CC=gcc C_ONLY="$CORPORA" CFLAGS="-O3 -march=native"
run gcc-float-openmp CC=gcc C_ONLY= TESTS="golden $RUNS" CFLAGS="-O2 -fopenmp"
run gcc-float-static CC=gcc C_ONLY= TESTS="golden run plan names" CFLAGS="-O2 -DDK_STATIC"
run g++-float CC=g++ STD=c++11
run clang-double-sanitized CC=clang C_ONLY="$CORPORA" REAL=double CFLAGS="$CLANG_SAN"
run clang-float-memory CC=clang C_ONLY= TESTS="bad_input $RUNS" CFLAGS="-O1 -g -fsanitize=memory -fno-sanitize-recover=all"
run gcc-float-threads CC=gcc C_ONLY= TESTS=parallel CFLAGS="-O1 -g -fsanitize=thread"
run gcc-float-valgrind CC=gcc C_ONLY= TESTS="$RUNS" RUNNER="valgrind -q --error-exitcode=9 --leak-check=full"
run clang-float CC=clang CXX=clang++ CONSUMERS=consumers
run gcc-float-traps CC=gcc C_ONLY= CFLAGS="-O2 -DCHECK_TRAPS" TESTS="bridge control digits editing engine estimate fit flow_maps \
    golden guiders json names no_peers noise parallel phases sources stack temperature traps unread"
run clang-float-traps CC=clang C_ONLY= TESTS="traps golden" CFLAGS="-O2 -ffp-exception-behavior=maytrap -DCHECK_TRAPS"
run clang++-double CC=clang++ STD=c++11 REAL=double
run gcc-consumers CC=gcc CXX=g++ C_ONLY= TESTS= CONSUMERS="consumers examples web mpi"
[ -n "$broken" ] && echo "broken:$broken"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
