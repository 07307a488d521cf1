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
is_the_first_program() { awk '/^```c$/ { inside = 1; next } inside && /^```$/ { exit } inside' README.md | cmp -s - examples/hello.c; }
check "README's first program is hello as it stands" is_the_first_program
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
check "docs has the figures" is_in_step figures schedules grids errors plans evaluation
names_the_file() { ! run "$build/particles" "$dir/nowhere" && grep -q '^particles: cannot write .*/nowhere/paths.svg$' "$dir/err"; }
check "a folder that is missing is named" names_the_file

# ---- texture: tiles that were made alone agree with one that covers both; sizes and files that cannot be are named
"$build/textures" - "$dir"
head -c 8000 "$dir/stone.ppm" >"$dir/short.ppm"
printf 'P5\n20 20\n65535\n' >"$dir/small.pgm"
tail -c 800 "$dir/heights.pgm" >>"$dir/small.pgm"
hex() { tail -c "$2" "$1" | od -An -v -tx1 | tr -d ' '; } # 16 bytes to a line: a row of 8 heights
agree() {
    for arguments in "left 8x12 0,1" "right 8x12 1,1" "both 16x12 0,1"; do
        set -- $arguments
        run "$build/texture" "$dir/small.pgm" "$dir/$1.pgm" --terrain --size "$2" --tile "$3" || return 1
    done
    hex "$dir/left.pgm" 192 >"$dir/left"
    hex "$dir/right.pgm" 192 | paste "$dir/left" - >"$dir/beside"
    hex "$dir/both.pgm" 384 | paste - - | cmp -s - "$dir/beside"
}
makes_png() { run "$build/texture" "$dir/small.pgm" "$dir/out.png" --size 16x24 && is_png "$dir/out.png" 0000001000000018 && grep -q '100%$' "$dir/err"; }
# tests/data/colours.png has every filter and codes of its own, colours.ppm the same pixels: made by a formula
reads_png() {
    run "$build/texture" tests/data/colours.png "$dir/png.ppm" --size 12x12 && run "$build/texture" tests/data/colours.ppm "$dir/ppm.ppm" --size 12x12 &&
        [ "$(wc -c <"$dir/png.ppm")" -gt 432 ] && cmp -s "$dir/png.ppm" "$dir/ppm.ppm"
}
texture_refuses() { # PATTERN ARGUMENTS...
    pattern=$1
    shift
    ! run "$build/texture" "$@" && [ "$(grep -c '' "$dir/err")" = 1 ] && grep -q "$pattern" "$dir/err"
}
check "tiles agree where they meet" agree
check "texture writes a PNG" makes_png
check "texture reads a PNG" reads_png
check "texture: a file that is not there" texture_refuses 'cannot read .*/none.ppm' "$dir/none.ppm" "$dir/out.png"
check "texture: a file of another kind" texture_refuses 'neither PNG nor PPM nor PGM' Makefile "$dir/out.png"
head -c 300 tests/data/colours.png >"$dir/short.png"
check "texture: a PNG that ends too soon" texture_refuses 'short.png: its data is damaged, or ends too soon' "$dir/short.png" "$dir/out.png"
check "texture: a file that ends too soon" texture_refuses 'short.ppm ends before its last pixel' "$dir/short.ppm" "$dir/out.png"
check "texture: a size that is not whole at every scale" texture_refuses 'multiples of 4' "$dir/stone.ppm" "$dir/out.png" --size 34x32
check "texture: heights in colour" texture_refuses 'stone.ppm has colours' "$dir/stone.ppm" "$dir/out.png" --terrain
check "texture: an option that is none" texture_refuses '^texture: --huge' "$dir/stone.ppm" "$dir/out.png" --huge

# ---- frame_loop: 24 frames, of which the last 10 are played twice
plays_the_same_game() {
    run "$build/frame_loop" 4 && mv "$dir/out" "$dir/first" && run "$build/frame_loop" 4 && cmp -s "$dir/first" "$dir/out" &&
        sed '1,/^saved/d;/^loaded/,$d' "$dir/out" >"$dir/once" && sed '1,/^loaded/d;$d' "$dir/out" | cmp -s - "$dir/once" &&
        [ "$(grep -c ^frame "$dir/once")" = 10 ] && grep -q '^8 chunks were made both times; 8 of them' "$dir/out"
}
makes_less_in_less_time() { # and what is made is the same, as far as it is
    run "$build/frame_loop" 3 && grep -q '^3 chunks were made both times; 3 of them' "$dir/out" && [ "$(grep -c ': *3 evaluations' "$dir/out")" = 26 ]
}
leaks_nothing() { run valgrind -q --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all --error-exitcode=9 "$build/frame_loop" 1; }
frame_loop_options() { run "$build/frame_loop" many || [ $? -eq 2 ] && grep -q '^usage' "$dir/err"; }
check "frame_loop plays the same game after loading" plays_the_same_game
check "frame_loop makes less with fewer evaluations a frame" makes_less_in_less_time
check "frame_loop: an argument that is no number" frame_loop_options
if ! command -v valgrind >/dev/null; then
    skip "frame_loop leaks nothing" "no valgrind"
elif grep -q '__[amt]san_init' "$build/frame_loop"; then
    skip "frame_loop leaks nothing" "valgrind cannot run what a sanitizer watches"
else
    check "frame_loop leaks nothing" leaks_nothing
fi

# ---- policy: off by nothing, and as narrow as Euler's and DDPM's steps make Gaussian data, for which all is linear
cat >"$dir/narrow.awk" <<'EOT'
BEGIN {
    d = 0.01; pi = atan2(0, -1)
    euler = 1
    for (k = 10; k > 0; k--) {
        t = k / 10; a = 1 - t
        euler *= 1 - (1 - a * d / (a * a * d + t * t)) / k
    }
    for (i = 0; i < 100; i++) {
        beta = 1 - (cos((i + 1.8) / 100.8 * pi / 2) / cos((i + 0.8) / 100.8 * pi / 2)) ^ 2
        if (beta > 0.999) beta = 0.999
        bar[i] = (i ? bar[i - 1] : 1) * (1 - beta)
    }
    v = 1
    for (i = 99; i >= 0; i--) {
        b = i ? bar[i - 1] : 1; alpha = bar[i] / b; g = sqrt(bar[i]) * d / (bar[i] * d + 1 - bar[i])
        slope = sqrt(b) * (1 - alpha) / (1 - bar[i]) * g + sqrt(alpha) * (1 - b) / (1 - bar[i])
        v = slope ^ 2 * v + (1 - alpha) * (1 - b) / (1 - bar[i])
    }
    print euler, euler, sqrt(v)
}
EOT
acts() {
    run "$build/policy" 2000 && awk -f "$dir/narrow.awk" >"$dir/narrow" &&
        awk 'NR == FNR { for (i = 1; i <= 3; i++) true[i] = $i; next } FNR == 1 { next }
            { rows++; off = $(NF - 4); far = $(NF - 3) / true[FNR - 1] - 1; if (!(off ^ 2 < 0.001 ^ 2 && far ^ 2 < 0.01 ^ 2)) bad++ }
            END { exit !(rows == 3 && !bad) }' "$dir/narrow" "$dir/out"
}
check "policy acts as the expert does, in three conventions" acts

# ---- late: the server answers the newest of 24 questions first, so that some answers are late, whatever the threads do
any_order() {
    run "$build/late" && grep -q '^24 runs, [0-9]* answers, [1-9][0-9]* of them after' "$dir/out" && grep -q '^24 results are those of runs alone' "$dir/out"
}
check "late: results do not depend on the order of answers" any_order

# ---- lockstep: whatever the frames' levels, their correlations are the film's; the error of chance is at most 0.03
keeps_correlations() {
    run "$build/lockstep" && awk '/off by at most/ { rows++; if (!($NF < 0.035)) bad++; calls = calls " " $(NF - 6) }
        END { exit !(rows == 4 && !bad && calls == " 40 40 65 240") }' "$dir/out"
}
check "lockstep keeps the correlations of frames at levels of their own" keeps_correlations

# ---- steer: the share and place of the right ones among data that are weighed
steers() {
    run "$build/steer" && awk '/particles stand right/ { rows++; share = $(NF - 7); off = rows == 1 ? share - 0.5 : share - 0.75
            far = $NF - (rows == 1 ? 1 : 1.022); if (!(off ^ 2 < 0.03 ^ 2 && far ^ 2 < 0.02 ^ 2)) bad++ }
        END { exit !(rows == 3 && !bad) }' "$dir/out"
}
check "steered particles are data weighed by the reward" steers

report
