#!/bin/sh
# Tests the page in headless Chromium: test_web.sh BUILD, from the project's root. Needs node and Chromium, which is installed
# where this user may (as root, by apt-get). Without them only the native program runs. Pictures go to BUILD/web, to be looked at.
build=$1
browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
unset MAKEFLAGS MFLAGS MAKELEVEL # those of the make that runs this
make -s BUILD="$build" "$build/web_native" || exit 1
if ! browser >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Chromium is missing. To install it: apt-get install -y --no-install-recommends chromium"
    apt-get install -y --no-install-recommends chromium >/dev/null 2>&1
fi
missing=
command -v node >/dev/null || missing=node
browser >/dev/null || missing=Chromium
if [ -n "$missing" ]; then
    echo "web: skipped: the page ($missing is missing)"
    "$build/web_native" 0 "steps=3" | grep -q '^calls 3$' && echo "web: 1 passed, 0 failed"
    exit
fi
mkdir -p "$build/web"
node tests/web/page.js "$(browser)" "$build/web_native" "$build/web"
