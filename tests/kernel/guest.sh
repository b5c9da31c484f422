#!/bin/sh
# Second program of the guest, on the overlay: makes it a Linux with udev and USB drivers, runs one command, reports, ends.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
. /run/rig/environment

# What the host may have installed or configured must not change a result.
rm -rf /etc/usb_modeswitch.d /usr/share/usb_modeswitch /etc/usb_modeswitch.conf /etc/udev/rules.d/*
rm -f /lib/udev/rules.d/*usb_modeswitch* /lib/udev/rules.d/*usb-modeswitch* /usr/lib/systemd/system/usb_modeswitch@.service

mkdir -p /lib/modules
mount --bind "$RIG_MODULES" /lib/modules
# shellcheck disable=SC2086  # a list of words
modprobe -a $RIG_LOAD || echo "rig: some modules are not there"
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --type=subsystems
udevadm trigger --action=add
udevadm settle --timeout=60

cd "$RIG_CHECKOUT" || echo "rig: no checkout at $RIG_CHECKOUT"
echo "rig: the guest is up"
sh /run/rig/command </dev/null
status=$?
dmesg >/run/rig/dmesg
# Written beside and renamed: the host never sees half a result.
echo $status >/run/rig/exit-code.part
mv /run/rig/exit-code.part /run/rig/exit-code
sync
busybox reboot -f
