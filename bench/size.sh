#!/bin/sh
# What the library costs to build and link: size.sh [COMPILER...]. Times are the compiler's processor time.
#   include      an empty file with #include "diffkit.h", more than one without
#   build        the implementation at -O2
#   object       text and data of it: code, constants and unwinding tables (none with -fno-asynchronous-unwind-tables)
#   minimal      a program that calls dk_sample with the default sampler and grid, linked with section garbage
#                collection, more than an empty program: text and data
#   planned      the same of one that runs a plan: dk_begin_plan, dk_next
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat >"$dir/empty.c" <<'END'
int main(void) { return 0; }
END
(echo '#include "diffkit.h"' && cat "$dir/empty.c") >"$dir/include.c"
printf '#define DIFFKIT_IMPLEMENTATION\n#include "diffkit.h"\n' >"$dir/implementation.c"
cat >"$dir/minimal.c" <<'END'
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
static int denoise(void *user, const dk_eval *e) { return user == e->output; }
int main(void) {
    static dk_real x[16];
    dk_config c;
    memset(&c, 0, sizeof c);
    c.steps = 20, c.dim = 16;
    return (int)dk_sample(&c, denoise, NULL, x);
}
END
cat >"$dir/planned.c" <<'END'
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
int main(int count, char **given) {
    static dk_real x[16];
    dk_config c;
    dk_run run;
    dk_eval e;
    memset(&c, 0, sizeof c);
    c.dim = 16;
    dk_begin_plan(&run, (const dk_plan *)(void *)given, &c, x, NULL, 0); /* linked, not run */
    while (dk_next(&run, &e)) e.output[0] = 0;
    return count;
}
END
cost() { # RUNS COMMAND...: processor time of one run in milliseconds, the best of three batches
    runs=$1
    shift
    for batch in 1 2 3; do
        (
            i=0
            while [ $i -lt "$runs" ]; do "$@" && i=$((i + 1)) || exit 1; done
            times
        ) | tail -n 1
    done | tr 'ms' '  ' | awk -v runs="$runs" '{t = 60 * $1 + $2 + 60 * $3 + $4}
        NR == 1 || t < least {least = t} END {print 1000 * least / runs}'
}
bytes() { size "$1" | awk 'NR == 2 {print $1 + $2}'; }
section() { size -A "$1" | awk -v names="$2" '$1 ~ names {s += $2} END {print s + 0}'; }
printf '%-8s %12s %10s %12s %12s %12s %12s %12s %12s\n' compiler include build object code constants unwinding minimal planned
[ $# -gt 0 ] || set -- gcc clang
small="-ffunction-sections -fdata-sections -Wl,--gc-sections -I."
linked() { # PROGRAM COMPILER OPTION...
    program=$1 cc=$2
    shift 2
    # shellcheck disable=SC2086
    "$cc" -std=c11 "$@" $small "$dir/$program.c" -o "$dir/$program" -lm && "$cc" -std=c11 "$@" $small "$dir/empty.c" -o "$dir/empty" || exit 1
    echo $(($(bytes "$dir/$program") - $(bytes "$dir/empty")))
}
for cc in "$@"; do
    command -v "$cc" >/dev/null || continue
    plain=$(cost 20 "$cc" -std=c11 -O2 -I. -c "$dir/empty.c" -o "$dir/empty.o")
    include=$(cost 20 "$cc" -std=c11 -O2 -I. -c "$dir/include.c" -o "$dir/include.o")
    build=$(cost 1 "$cc" -std=c11 -O2 -I. -c "$dir/implementation.c" -o "$dir/object.o")
    awk -v n="$cc" -v p="$plain" -v i="$include" -v b="$build" -v o="$(bytes "$dir/object.o")" \
        -v m="$(linked minimal "$cc" -O2)" -v r="$(linked planned "$cc" -O2)" -v c="$(section "$dir/object.o" '^.text')" -v u="$(section "$dir/object.o" '^.eh_frame')" \
        'BEGIN {printf "%-8s %9.1f ms %7.2f s %10d B %10d B %10d B %10d B %10d B %10d B\n", n, i - p, b / 1000, o, c, o - c - u, u, m, r}'
done
# docs/embedding.md has these
all="-Os -DDK_NO_PEERS -DDK_NO_DISPATCH -fno-asynchronous-unwind-tables"
printf '\n%-70s %10s %10s %10s\n' 'options, of the first compiler' object minimal planned
for options in -O2 -Os "-O2 -DDK_NO_PEERS" "-O2 -DDK_NO_DISPATCH" "-O2 -fno-asynchronous-unwind-tables" "$all"; do
    # shellcheck disable=SC2086
    "$1" -std=c11 $options -I. -c "$dir/implementation.c" -o "$dir/object.o" &&
        printf '%-70s %7d KB %7d KB %7d KB\n' "$options" $(($(bytes "$dir/object.o") / 1024)) \
            $(($(linked minimal "$1" $options) / 1024)) $(($(linked planned "$1" $options) / 1024))
done
