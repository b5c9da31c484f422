#!/bin/sh
# Builds the Debian packages in a fresh Debian, and tries them: as root, where debootstrap can reach Debian's packages.
#
#     sh packaging/debian-build.sh [SUITE] [RESULTS]     # trixie, ./debian-packages
#
# Source package, build with tests, lintian, autopkgtest on what was built; then installed in another fresh Debian, checked
# and removed. RESULTS gets the packages and the logs. About ten minutes.
set -eu
cd "$(dirname "$0")/.."
suite=${1:-trixie}
results=$(realpath -m "${2:-debian-packages}")
mkdir -p "$results"
work=$(mktemp -d)
clean() {
    for place in build/dev/pts build/proc try/dev/pts try/proc; do
        mountpoint -q "$work/$place" && umount "$work/$place"
    done
    rm -rf --one-file-system "$work"
}
trap clean EXIT

fresh() { # NAME PACKAGES: a Debian of its own, with these packages
    echo "== Debian $suite: $1"
    [ -d "$work/base" ] || debootstrap --variant=minbase "$suite" "$work/base" >"$results/debootstrap.log" 2>&1
    cp -a "$work/base" "$work/$1"
    mount -t proc proc "$work/$1/proc"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$work/$1/dev/pts"
    # What is no service's business in here.
    printf '#!/bin/sh\nexit 101\n' >"$work/$1/usr/sbin/policy-rc.d"
    chmod +x "$work/$1/usr/sbin/policy-rc.d"
    inside "$1" "apt-get -qq update; apt-get -y -qq --no-install-recommends install $2" >"$results/$1-root.log" 2>&1
}
inside() { # NAME COMMAND
    chroot "$work/$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-}" \
        DEBIAN_FRONTEND=noninteractive \
        sh -euc "$2"
}

fresh build "build-essential debhelper lintian fakeroot"
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' pymodeswitch/__init__.py)
echo "== source package $version"
mkdir -p "$work/build/build"
git -c tar.umask=0022 archive --prefix="pymodeswitch-$version/" HEAD ':!packaging/debian' | gzip -n9 >"$work/build/build/pymodeswitch_$version.orig.tar.gz"
tar -xf "$work/build/build/pymodeswitch_$version.orig.tar.gz" -C "$work/build/build"
cp -r packaging/debian "$work/build/build/pymodeswitch-$version/debian"
source=/build/pymodeswitch-$version

echo "== build"
inside build "cd $source; apt-get -y -qq --no-install-recommends build-dep ." >"$results/build-dep.log" 2>&1
inside build "cd $source; dpkg-buildpackage -us -uc" >"$results/build.log" 2>&1 || {
    tail -30 "$results/build.log"
    exit 1
}
find "$work/build/build" -maxdepth 1 -type f -exec cp {} "$results" \;
grep -E '[0-9]+ passed' "$results/build.log" || :

echo "== lintian"
inside build "cd /build; lintian --allow-root --fail-on error,warning --tag-display-limit 0 --display-info pymodeswitch_*_*.changes" | tee "$results/lintian.log"

echo "== installed, checked, autopkgtest, removed"
# What is there, but for what apt, dpkg and the tests themselves write.
present="find / -xdev"
for place in proc run tmp build var/log var/lib/dpkg var/lib/apt var/cache/apt var/cache/debconf var/cache/ldconfig usr/share/autopkgtest; do
    present="$present -path /$place -prune -o"
done
present="$present -print | sort"
fresh try "systemd udev python3-pytest python3-hypothesis autopkgtest dpkg-dev"
mkdir "$work/try/build"
cp "$work/build/build"/*.deb "$work/build/build"/*.dsc "$work/build/build"/*.tar.* "$work/try/build"
inside try "$present >/build/before"
inside try 'apt-get -y -qq --no-install-recommends install /build/*.deb' >"$results/install.log" 2>&1
code=0
inside try 'pymodeswitch system check; pymodeswitch --version; usb_modeswitch -e' | tee "$results/check.log"
grep -q "^ok" "$results/check.log" && ! grep -E "^(missing|stale|masked|fighting)" "$results/check.log" || code=1
inside try 'cd /build; autopkgtest --no-built-binaries *.deb *.dsc -- null' >"$results/autopkgtest.log" 2>&1 || code=1
grep -E '^[a-z-]+ +(PASS|FAIL|SKIP)' "$results/autopkgtest.log" || code=1
inside try 'apt-get -y -qq purge --autoremove pymodeswitch pymodeswitch-usb-modeswitch' >"$results/remove.log" 2>&1
inside try "$present >/build/after; diff /build/before /build/after >/build/left || :"
cp "$work/try/build/left" "$results/left.log"
echo "== left behind: $(grep '^>' "$results/left.log" || echo nothing)"
! grep -q '^>' "$results/left.log" || code=1
exit "$code"
