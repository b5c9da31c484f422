#!/bin/sh
# The fast tier on other Pythons, with the newest or the oldest libraries, or with those that a Debian has.
#
#     sh tests/versions.sh --newest python3.12 python3.13   # each in an environment of its own
#     sh tests/versions.sh --oldest python3.11              # with the lower bounds of pyproject.toml
#     sh tests/versions.sh --distribution python3           # with what is installed there: no pip, no network
#     sh tests/versions.sh --installed python3              # the same against the installed package, not the tree
#     sh tests/versions.sh --debian sid                     # the same in a fresh Debian, made by debootstrap (as root)
#     sh tests/versions.sh --debian trixie i386             # of another architecture
#     sh tests/versions.sh --found                          # what CI runs: newest on each Python found, oldest on one
#
# Some minutes for each. PYTEST_ARGUMENTS goes to pytest.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
export PYMODESWITCH_FUZZ_S="${PYMODESWITCH_FUZZ_S:-1}" # a third of what one run has anyway

tier() { # PYTHON: all but the kernel tier, from the tree
    # shellcheck disable=SC2086
    PYTHONPATH=$root "$1" -m pytest tests --ignore tests/kernel -q -p no:cacheprovider -m "not network" ${PYTEST_ARGUMENTS:-}
}

installed() { # PYTHON: what does not compare the tree with what is generated or built
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    # Without caches, which another run may be writing.
    tar -c --exclude __pycache__ tests bench tools data docs .github ./*.md pyproject.toml | tar -x -C "$folder"
    cd "$folder"
    # For tests that start a Python without its site-packages.
    PYTHONPATH=$("$1" -c 'import os, pymodeswitch; print(os.path.dirname(os.path.dirname(pymodeswitch.__file__)))')
    export PYTHONPATH
    # shellcheck disable=SC2086
    "$1" -m pytest tests --ignore tests/kernel --ignore tests/tools --ignore tests/docs \
        --ignore tests/behaviour/test_wheel.py -q -p no:cacheprovider -m "not network" ${PYTEST_ARGUMENTS:-}
}

in_environment() { # newest|oldest PYTHON
    environment=$(mktemp -d)
    trap 'rm -rf "$environment"' EXIT
    echo "== $("$2" --version), $1 libraries"
    "$2" -m venv "$environment"
    "$environment/bin/pip" install --quiet --upgrade 'pip>=25.1'
    if [ "$1" = oldest ]; then
        PYTHONPATH=$root "$environment/bin/python" -m tools.lower_bounds >"$environment/oldest.txt"
        "$environment/bin/pip" install --quiet --requirement "$environment/oldest.txt"
    fi
    "$environment/bin/pip" install --quiet . --group test
    "$environment/bin/pip" list --format freeze | grep -iE '^(pyusb|construct|pytest|hypothesis)=='
    # The newest as users have it: what is installed, not the tree.
    if [ "$1" = oldest ]; then tier "$environment/bin/python"; else (installed "$environment/bin/python"); fi
    rm -rf "$environment"
    trap - EXIT
}

in_debian() { # SUITE [ARCHITECTURE]: with its own Python and libraries, as a packager's build has them
    folder=$(mktemp -d)
    trap 'umount -q "$folder/proc" "$folder/dev/pts" 2>/dev/null; rm -rf --one-file-system "$folder"' EXIT
    packages=python3,python3-usb,python3-construct,python3-pytest,python3-hypothesis,libusb-1.0-0,udev,systemd
    debootstrap ${2:+--arch="$2"} --variant=minbase --include="$packages" "$1" "$folder" >"$folder.log" 2>&1 || {
        tail -5 "$folder.log" >&2
        exit 1
    }
    rm -f "$folder.log"
    mount -t proc proc "$folder/proc"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$folder/dev/pts"
    mkdir "$folder/src"
    git -c tar.umask=0022 archive HEAD | tar -x -C "$folder/src"
    echo "== Debian $1: $(chroot "$folder" python3 --version)"
    chroot "$folder" env PYTEST_ARGUMENTS="${PYTEST_ARGUMENTS:-}" sh /src/tests/versions.sh --distribution python3
}

pythons() { # the other Pythons that are here, one of each version: in the path, or kept by pyenv
    for name in python3.12 python3.13 python3.14; do
        for python in "$(command -v $name || :)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/$name; do
            if [ -x "$python" ] && "$python" -c 'import venv, ensurepip' 2>/dev/null; then
                echo "$python"
                break
            fi
        done
    done
}

kind=${1:---help}
[ $# = 0 ] || shift
case $kind in
--newest | --oldest)
    for python in "${@:-python3}"; do (in_environment "${kind#--}" "$python"); done
    ;;
--distribution) tier "${1:-python3}" ;;
--installed) (installed "${1:-python3}") ;;
--debian) (in_debian "${1:-sid}" ${2:+"$2"}) ;;
--found)
    {
        echo --oldest python3
        for python in $(pythons); do echo --newest "$python"; done
    } | xargs -L 1 sh tests/versions.sh --log
    ;;
--log) # the same quietly: everything where it fails, else the lines that tell
    log=$(mktemp)
    code=0
    sh tests/versions.sh "$@" >"$log" 2>&1 || code=$?
    if [ "$code" = 0 ]; then grep -E '^== |^[a-z]+==|passed' "$log"; else cat "$log"; fi
    rm "$log"
    exit "$code"
    ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" ;;
esac
