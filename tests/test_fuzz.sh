#!/bin/sh
# Every input that fuzzing kept, once: test_fuzz.sh BUILD. Files named found-* broke something once.
suite=fuzz
. tests/script.sh
for corpus in tests/fuzz/corpus/*; do
    line=$("$1/fuzz" "$(basename "$corpus")" "$corpus"/* 2>&1) && line=$(echo "$line" | tail -n 1)
    case $line in
    *" passed, 0 failed") passed=$((passed + ${line%% *})) ;;
    *) echo "$line" && failed=$((failed + 1)) ;;
    esac
done
report
