#!/bin/sh
# Tests the page in headless Chromium: test_web.sh BUILD, from the project's root. Needs node and Chromium, which is installed
# where this user may (as root, by apt-get); else this is skipped. Pictures go to BUILD/web, to be looked at.
build=$1
chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
if ! chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Chromium is missing. To install it: apt-get install -y --no-install-recommends chromium"
    apt-get install -y --no-install-recommends chromium >/dev/null 2>&1
fi
for program in node chromium; do
    [ $program = chromium ] && chromium >/dev/null || command -v $program >/dev/null && continue
    echo "web: skipped: the page ($program is missing)"
    exit 0
done
unset MAKEFLAGS MFLAGS MAKELEVEL # those of the make that runs this
make -s BUILD="$build" "$build/web_native" || exit 1
mkdir -p "$build/web"
node tests/web/page.js "$(chromium)" "$build/web_native" "$build/web"
