#!/bin/sh
# Runs everything that has to pass, on a clean checkout; installs what is missing (Debian, as root).
set -eu
cd "$(dirname "$0")/.."

missing=""
need() { # a command or file, and the package that has it
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"
}
need qemu-system-x86_64 qemu-system-x86
need /bin/busybox busybox-static
need modprobe kmod
need cpio cpio
need /lib/systemd/systemd-udevd udev
need /lib/systemd/systemd systemd
need lsusb usbutils
need debootstrap debootstrap
need chromium chromium
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
# The rig downloads Debian's kernel (it does not install it), for which apt has to know the packages.
kernel_known() { apt-cache policy linux-image-amd64 2>/dev/null | grep -q 'Candidate: [0-9]'; }
if [ -n "$missing" ] || ! kernel_known; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing:${missing:- nothing, reading package lists}"
        apt-get update -qq
        # shellcheck disable=SC2086
        [ -z "$missing" ] || DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends $missing >/dev/null
    else
        echo "tests/run.sh: missing packages:${missing:- the package lists of apt} (run this as root on Debian)" >&2
        exit 1
    fi
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --upgrade 'pip>=25.1' # the first one that knows dependency groups
.venv/bin/pip install --quiet --editable . --group dev

echo "== style and types"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/reuse lint --quiet || .venv/bin/reuse lint

echo "== documentation"
.venv/bin/sphinx-build -q -W -b html docs docs/_build

# One process, on the CPU that the tests below leave free: most of their time they wait for guests.
others=$(mktemp)
setsid sh tests/versions.sh --found >"$others" 2>&1 &
found=$!
trap 'kill -- "-$found" 2>/dev/null || :; rm -f "$others"' EXIT
trap 'exit 130' INT TERM

echo "== tests"
export PYMODESWITCH_KERNEL=require # a skipped kernel tier is a failure here
export PYMODESWITCH_TESTS=all # and so is what is skipped where a library is missing
.venv/bin/coverage run -m pytest "$@"
.venv/bin/coverage report --skip-covered --fail-under=90

echo "== other Pythons and libraries"
code=0
wait "$found" || code=$?
cat "$others"
exit "$code"
