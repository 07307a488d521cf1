#!/bin/sh
# Tests the page in headless Chromium: test_web.sh BUILD, from the project's root. Needs node and Chromium, which is installed
# where this user may (as root, by apt-get). Without a browser only the WebAssembly is compared with the native program, without
# node that program alone runs. Pictures go to BUILD/web, to be looked at.
build=$1
browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
unset MAKEFLAGS MFLAGS MAKELEVEL # those of the make that runs this
make -s BUILD="$build" "$build/web_native" || exit 1
if ! browser >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Chromium is missing. To install it: apt-get install -y --no-install-recommends chromium"
    apt-get install -y --no-install-recommends chromium >/dev/null 2>&1
fi
if ! command -v node >/dev/null; then
    echo "web: skipped: the page (node is missing)"
    "$build/web_native" 0 "steps=3" | grep -q '^calls 3$' && echo "web: 1 passed, 0 failed"
    exit
fi
if ! browser >/dev/null; then
    echo "web: skipped: the page (Chromium is missing)"
    exec node tests/web/bits.js "$build/web_native"
fi
mkdir -p "$build/web"
node tests/web/page.js "$(browser)" "$build/web_native" "$build/web"
