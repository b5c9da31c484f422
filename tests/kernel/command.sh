#!/bin/sh
# Last program of the guest: runs the command, leaves its exit code in the shared folder, ends the guest.
. /run/rig/environment
cd "$RIG_CHECKOUT" || echo "rig: no checkout at $RIG_CHECKOUT"
[ "$RIG_INIT" != systemd ] || udevadm settle --timeout=60
echo "rig: the guest is up"
sh /run/rig/command </dev/null
status=$?
dmesg >/run/rig/dmesg
[ "$RIG_INIT" != systemd ] || journalctl --boot --no-pager >/run/rig/journal
# Written beside and renamed: the host never sees half a result.
echo $status >/run/rig/exit-code.part
mv /run/rig/exit-code.part /run/rig/exit-code
sync
busybox reboot -f
