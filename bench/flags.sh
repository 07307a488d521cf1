#!/bin/sh
# What compilers' flags make of the library: flags.sh [N [COMPILER...]]. Time per evaluation of N numbers (1024), as ratios to
# the same compiler's -O2. Programs run in turns, and the least of their times counts.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=${1:-1024}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- gcc clang
for cc in "$@"; do
    command -v "$cc" >/dev/null || continue
    : >"$dir/list"
    for flags in -O2 -O0 -O1 -Os -O3 "-O3 -DNDEBUG" "-O2 -march=native" "-O3 -march=native"; do
        name=$(echo "$flags" | tr -d ' ')
        # shellcheck disable=SC2086
        "$cc" -std=c11 $flags -I. bench/flags.c -o "$dir/$name" -lm || exit 1
        echo "$name" >>"$dir/list"
    done
    for turn in 1 2 3; do
        while read -r name; do "$dir/$name" "$n" | sed "s/^/$name /"; done <"$dir/list"
    done | awk -v cc="$cc" -v n="$n" '
        !($1 in seen) {seen[$1] = 1; flag[++flags] = $1}
        !($2 in known) {known[$2] = 1; sampler[++samplers] = $2}
        !(($1, $2) in least) || $3 < least[$1, $2] {least[$1, $2] = $3}
        END {
            printf "%-24s", cc ", " n " numbers"
            for (f = 1; f <= flags; f++) printf " %18s", flag[f]
            for (s = 1; s <= samplers; s++) {
                printf "\n%-24s %15.0f ns", sampler[s], least["-O2", sampler[s]]
                for (f = 2; f <= flags; f++) printf " %18.2f", least[flag[f], sampler[s]] / least["-O2", sampler[s]]
            }
            print "\n"
        }'
done
