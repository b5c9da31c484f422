#!/bin/busybox sh
# First program of the guest, from the initramfs: puts a throw-away layer over the host's file system and moves there.
busybox=/bin/busybox
$busybox mkdir -p /dev /share /host /memory /guest
$busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1

fail() {
    echo "rig: $1"
    $busybox reboot -f
}

for module in /modules/*; do
    $busybox insmod "$module" || fail "cannot load $module"
done
nine=trans=virtio,version=9p2000.L,msize=1048576
$busybox mount -t 9p -o $nine,ro,cache=loose root /host || fail "cannot mount the host's files"
# No cache here: the host reads results while the guest writes them.
$busybox mount -t 9p -o $nine,cache=none share /share || fail "cannot mount the results folder"
$busybox mount -t tmpfs -o size=75% memory /memory
$busybox mkdir /memory/upper /memory/work
$busybox mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /guest \
    || fail "cannot lay the overlay"
$busybox mount --move /dev /guest/dev
$busybox mount -t tmpfs -o mode=755 run /guest/run
$busybox mkdir /guest/run/rig
$busybox mount --move /share /guest/run/rig
# The environment file is written by the host's half of the rig; it names the folder of these scripts.
. /guest/run/rig/environment
if [ -n "$RIG_MOUNT_CHECKOUT" ]; then # another system's files, without it
    $busybox mkdir -p "/guest$RIG_CHECKOUT"
    $busybox mount -t 9p -o $nine,ro,cache=loose checkout "/guest$RIG_CHECKOUT" || fail "cannot mount the checkout"
fi
exec $busybox switch_root /guest /bin/sh "$RIG_SCRIPTS/guest.sh"
