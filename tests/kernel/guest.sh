#!/bin/sh
# Second program of the guest, on the overlay: makes it a Linux with USB drivers, plugs in what is there at
# power-on, and goes on as the init that was asked for.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
. /run/rig/environment
touch /run/rig/is-started # a kernel that crashes from here on has a reason

# What the host may have installed or configured must not change a result.
rm -rf /etc/usb_modeswitch.d /usr/share/usb_modeswitch /etc/usb_modeswitch.conf /etc/udev/rules.d/*
rm -rf /etc/pymodeswitch.d /etc/pymodeswitch.conf /usr/local/lib/udev /usr/local/lib/pymodeswitch
rm -f /.dockerenv # systemd would take the guest for a container
rm -f /lib/udev/rules.d/*usb_modeswitch* /lib/udev/rules.d/*usb-modeswitch* /lib/udev/rules.d/*pymodeswitch*
rm -f /usr/lib/systemd/system/usb_modeswitch@.service /usr/lib/systemd/system/pymodeswitch*

[ "$RIG_INIT" != systemd ] || . "$RIG_SCRIPTS/systemd.sh"

mkdir -p /lib/modules
mount --bind "$RIG_MODULES" /lib/modules
# shellcheck disable=SC2086  # a list of words
modprobe -a $RIG_LOAD || echo "rig: some modules are not there"

cd "$RIG_CHECKOUT" || echo "rig: no checkout at $RIG_CHECKOUT"
if [ -e /run/rig/plug ]; then
    # shellcheck disable=SC2046  # a list of words
    "$RIG_PYTHON" -m tests.kernel.plug $(cat /run/rig/plug) --ready /run/plugged </dev/null &
    left=600
    until [ -e /run/plugged ] || [ $((left -= 1)) = 0 ]; do
        sleep 0.1
    done
    [ -e /run/plugged ] || echo "rig: nothing was plugged in at power-on"
fi
if [ -e /run/rig/before ]; then
    sh /run/rig/before </dev/null 2>&1 | sed 's/^/rig: before the init: /'
fi

case $RIG_INIT in
udevd)
    /lib/systemd/systemd-udevd --daemon
    udevadm trigger --action=add --type=subsystems
    udevadm trigger --action=add
    udevadm settle --timeout=60
    ;;
systemd)
    exec /lib/systemd/systemd
    ;;
esac
exec /bin/sh "$RIG_SCRIPTS/command.sh"
