#!/bin/sh
# Installs cmocka with the system's package manager, as root or where sudo asks nothing.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
if command -v apt-get >/dev/null 2>&1; then
    as_root apt-get install -y -q libcmocka-dev || { as_root apt-get update -q && as_root apt-get install -y -q libcmocka-dev; }
elif command -v dnf >/dev/null 2>&1; then as_root dnf install -y libcmocka-devel
elif command -v apk >/dev/null 2>&1; then as_root apk add cmocka-dev
elif command -v pacman >/dev/null 2>&1; then as_root pacman -S --noconfirm cmocka
elif command -v brew >/dev/null 2>&1; then brew install cmocka
fi >/dev/null 2>&1
