#!/bin/sh
# The name of the link to a serial port, if it is the one of its modem to dial with: started by the rules in
# 42-pymodeswitch-gsmmodem.rules for each port, with its path in sysfs (%p) and the words that start
# `pymodeswitch symlink --known`. Where another modem has the first link, that is started; Python alone takes
# longer than all this.
path=/sys$1
shift
interface=${path%/tty/*}
interface=${interface%/ttyUSB*}
device=${interface%/*}

found=
for one in "$device"/*:*.? "$device"/*:*.??; do # in the order of their numbers
    ports=
    for port in "$one"/tty/* "$one"/ttyUSB*/tty/*; do
        [ ! -e "$port" ] || ports=$port
    done
    [ "$ports" ] || continue
    for type in "$one"/ep_*/type; do
        { read -r kind <"$type"; } 2>/dev/null || continue
        [ "$kind" != Interrupt ] || found=$one
    done
    [ ! "$found" ] || break
done
[ "$found" = "$interface" ] || exit 0

# As modem_port.py notes it: a file for each link, which holds the port's path.
links=/run/pymodeswitch/links note=/run/pymodeswitch/links/gsmmodem
if [ -e $note ]; then
    { read -r holder || :; } <$note
    if [ "$holder" = "$path" ]; then
        echo gsmmodem
        exit
    fi
elif [ ! -e /dev/gsmmodem ] && { [ -d $links ] || mkdir -p $links; } 2>/dev/null; then
    set -C # the note must be new: another port may be as far
    if { printf %s "$path" >$note; } 2>/dev/null; then
        echo gsmmodem
        exit
    fi
fi
exec "$@" "$path"
