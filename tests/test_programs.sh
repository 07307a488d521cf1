#!/bin/sh
# Tests the small programs in examples, which need nothing but a C compiler: test_programs.sh BUILD, from the project's root.
build=$1
suite=programs
. tests/script.sh
run() { "$@" >"$dir/out" 2>"$dir/err"; }

# ---- hello: five numbers that are drawn, under them those of the mixture
draws_the_mixture() {
    run "$build/hello" && awk '/^drawn/ { for (i = 2; i <= 6; i++) drawn[i] = $i }
        /^true/ { for (i = 2; i <= 6; i++) { lines++; d = $i - drawn[i]; if (!(d * d < 0.05 ^ 2)) bad++ } }
        END { exit !(lines == 5 && !bad) }' "$dir/out"
}
check "hello's points have the mixture's mean and covariance" draws_the_mixture

report
