# Read by guest.sh, long before systemd takes over: of the host's units only those named here are left to start.
# The host's other unit files stay where they are, and nothing wants them any more. systemd-tmpfiles is not
# among them: it would empty /tmp, where the checkout may be.
units=/lib/systemd/system
rm -rf /etc/systemd/* /usr/local/lib/systemd /lib/systemd/system-generators/* /lib/systemd/system/*.wants
wants() { # a target, and the units it starts
    target=$1
    shift
    mkdir -p "$units/$target.wants"
    for unit in "$@"; do
        ln -s "../$unit" "$units/$target.wants/$unit"
    done
}
wants sockets.target systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-journald.socket systemd-journald-dev-log.socket
wants sysinit.target systemd-journald.service systemd-udevd.service systemd-udev-trigger.service
wants multi-user.target rig.service
cp "$RIG_SCRIPTS/rig.service" "$units/rig.service"
mkdir -p /etc/systemd/system
ln -s /dev/null /etc/systemd/system/tmp.mount # it would hide the checkout, too
ln -s "$units/multi-user.target" /etc/systemd/system/default.target

# A machine that has booted before: else systemd would enable units by its presets.
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' >/etc/systemd/journald.conf
printf '[Manager]\nDefaultTimeoutStopSec=30\n' >/etc/systemd/system.conf
: >/etc/fstab
