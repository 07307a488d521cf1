#!/bin/sh
# Writes into FILE what a test program needs for cmocka, as flags for the compiler: CC=cc cmocka.sh FILE.
# Where cmocka is missing, says the package manager's command, and runs it only as root (in a container, in CI) or where the
# package manager needs no more rights; never by sudo. Where that does not bring it, tests/mini/cmocka.h stands for it.
# CMOCKA=mini: that in any case.
file=$1 cc=${CC:-cc} probe=$(mktemp) # no /dev/null, which tcc as root would replace by a file
trap 'rm -f "$probe"' EXIT
found() {
    printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\nint main(void) { return 0; }\n' |
        $cc -x c - -o "$probe" -lcmocka 2>/dev/null
}
offer() { # COMMAND, and one for a list of packages that is missing or old
    echo "cmocka is missing. To install it: $1"
    if ! $may; then
        echo "That needs rights that this user has not, so it is not done here."
    elif ! $1 && [ -n "$2" ]; then
        echo "That failed; once more after: $2"
        $2 && $1
    fi
}
if [ "${CMOCKA:-}" != mini ] && ! found; then
    may=false && [ "$(id -u)" = 0 ] && may=true
    if command -v apt-get >/dev/null 2>&1; then offer "apt-get install -y libcmocka-dev" "apt-get update"
    elif command -v dnf >/dev/null 2>&1; then offer "dnf install -y libcmocka-devel"
    elif command -v apk >/dev/null 2>&1; then offer "apk add cmocka-dev"
    elif command -v pacman >/dev/null 2>&1; then offer "pacman -S --noconfirm cmocka"
    elif command -v brew >/dev/null 2>&1; then
        may=false && [ -w "$(brew --prefix)" ] && may=true
        offer "brew install cmocka"
    else
        echo "cmocka is missing, and no package manager that is known here: see https://cmocka.org"
    fi
fi
flags=-Itests/mini
[ "${CMOCKA:-}" != mini ] && found && flags=-lcmocka
[ $flags = -lcmocka ] || echo "The tests run without cmocka: tests/mini/cmocka.h stands for it."
[ "$(cat "$file" 2>/dev/null)" = $flags ] || echo $flags >"$file" # else it stays as old as it is
