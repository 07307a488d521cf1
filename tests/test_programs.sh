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

# ---- pictures that are text: what stands in docs is what the programs draw today; numbers may round differently by compiler
# same_picture A B: the same text, and no number further apart than 0.3
cat >"$dir/same.awk" <<'EOT'
function numbers(line) { gsub(/-/, " -", line); gsub(/[^-0-9.]+/, " ", line); return line }
function words(line) { gsub(/[-0-9.]+/, "", line); gsub(/ +/, " ", line); return line }
FNR == NR { first[FNR] = $0; lines = FNR; next }
{
    n = split(numbers(first[FNR]), a, " ")
    if (n != split(numbers($0), b, " ") || words(first[FNR]) != words($0)) exit differs = 1
    for (i = 1; i <= n; i++) if ((a[i] - b[i]) ^ 2 > 0.3 ^ 2) exit differs = 1
}
END { exit differs || FNR != lines }
EOT
same_picture() { awk -f "$dir/same.awk" "$1" "$2" || { echo "$1 is stale: make docs"; false; }; }
mkdir "$dir/docs"
is_in_step() { # PROGRAM FILES...
    run "$build/$1" "$dir/docs" || return 1
    shift
    for file; do same_picture "docs/$file.svg" "$dir/docs/$file.svg" || return 1; done
}
check "docs has the pictures of particles" is_in_step particles paths particles
names_the_file() { ! run "$build/particles" "$dir/nowhere" && grep -q '^particles: cannot write .*/nowhere/paths.svg$' "$dir/err"; }
check "a folder that is missing is named" names_the_file

report
