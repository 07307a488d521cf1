# What the test scripts share; say suite=NAME, then `. tests/script.sh`. $dir is a folder that goes away at the end.
unset MAKEFLAGS MFLAGS MAKELEVEL # those of the make that runs this
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

check() { # NAME, then a command that must succeed; what it wrote is shown if it does not
    name=$1
    shift
    if "$@" >"$dir/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$suite: FAILED: $name"
        for file in log out err; do [ -f "$dir/$file" ] && sed 's/^/    /' "$dir/$file"; done
    fi
}
skip() { echo "$suite: skipped: $1 ($2)"; }
report() {
    echo "$suite: $passed passed, $failed failed"
    [ $failed -eq 0 ]
}
is_png() { # FILE SIZE: width and height, 8 hexadecimal digits each
    [ "$(od -An -v -tx1 -N24 "$1" | tr -d ' \n')" = "89504e470d0a1a0a0000000d49484452$2" ]
}
