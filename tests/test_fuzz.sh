#!/bin/sh
# Every input that fuzzing kept, once: test_fuzz.sh BUILD. Files named found-* broke something once. Then some random ones, the same
# every time.
suite=fuzz
. tests/script.sh
for corpus in tests/fuzz/corpus/*; do
    line=$("$1/fuzz" "$(basename "$corpus")" "$corpus"/* 2>&1) && line=$(echo "$line" | tail -n 1)
    case $line in
    *" passed, 0 failed") passed=$((passed + ${line%% *})) ;;
    *) echo "$line" && failed=$((failed + 1)) ;;
    esac
done
for target in callbacks config elsewhere forged plan; do
    line=$("$1/fuzz" $target random 0 "${FUZZ_RANDOM:-1000}" 2>&1) && passed=$((passed + 1)) && continue
    echo "$target: $line" && failed=$((failed + 1))
done
report
