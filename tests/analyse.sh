#!/bin/sh
# Static analysis of diffkit.h: clang-tidy (.clang-tidy), cppcheck (tests/cppcheck.txt) and gcc's -fanalyzer. analyse.sh [BUILD]
build=${1:-build}
mkdir -p "$build"
failed=0
analyse() { # NAME, then the command
    name=$1
    shift
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "$name: skipped: no $1"
    elif "$@" >"$build/analyse.log" 2>&1; then
        echo "$name: clean"
    else
        echo "$name: not clean"
        cat "$build/analyse.log"
        failed=$((failed + 1))
    fi
}
analyse clang-tidy clang-tidy --quiet diffkit.h -- -x c -std=c11 -DDIFFKIT_IMPLEMENTATION
analyse cppcheck cppcheck --quiet --language=c --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
    --suppressions-list=tests/cppcheck.txt -DDIFFKIT_IMPLEMENTATION diffkit.h
analyse "gcc -fanalyzer" gcc -x c -std=c11 -O1 -fanalyzer -Werror -DDIFFKIT_IMPLEMENTATION -c diffkit.h -o "$build/analyse.o"
[ $failed -eq 0 ]
