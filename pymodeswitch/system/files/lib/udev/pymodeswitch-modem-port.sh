# The name of the link to a serial port, if it is the one of its modem to dial with: started by the rules in
# 42-pymodeswitch-gsmmodem.rules for each port, with its path in sysfs (%p) and the words that start
# `pymodeswitch symlink --known`, which is started where it is not as simple; Python alone takes longer than
# all this. With --gone and a path it takes the note of a port away that has left.
links=/run/pymodeswitch/links
gone=
[ "$1" != --gone ] || { gone=yes; shift; }
path=/sys$1
shift
interface=${path%/tty/*}
interface=${interface%/ttyUSB*}
device=${interface%/*}
port=${path#"$device"/} # as in a note, which the shell reads byte by byte: 1-1:1.0/tty/ttyACM0

if [ "$gone" ]; then
    for note in $links/*; do
        holder=
        { read -r holder || :; } 2>/dev/null <"$note"
        [ "$holder" != "$port" ] || rm -f "$note"
    done
    exit
fi

found=
for one in "$device"/*:*.? "$device"/*:*.??; do # in the order of their numbers
    ttys=
    for tty in "$one"/tty/* "$one"/ttyUSB*/tty/*; do
        [ ! -e "$tty" ] || ttys=$tty
    done
    [ "$ttys" ] || continue
    for type in "$one"/ep_*/type; do
        { read -r kind <"$type"; } 2>/dev/null || continue
        [ "$kind" != Interrupt ] || found=$one
    done
    [ ! "$found" ] || break
done
[ "$found" = "$interface" ] || exit 0

# As port_link.py notes it: a file for each link, which holds the port's path below /sys/bus/usb/devices. A
# modem keeps its link, and gets the first one that is free; what is left of one whose leaving udev has missed
# is for Python.
{ [ -d $links ] || mkdir -p $links; } 2>/dev/null
set -C # a note must be new: another port may be as far
number=1
tries=0
while [ -w $links ] && [ $((tries += 1)) -lt 200 ]; do
    link=gsmmodem
    [ $number = 1 ] || link=gsmmodem$number
    note=$links/$link
    if [ -e "$note" ]; then
        { read -r holder || :; } <"$note"
        [ "$holder" != "$port" ] || { echo "$link"; exit; }
        [ ! "$holder" ] || [ -e "/sys/bus/usb/devices/$holder" ] || break # an empty one is just being written
        number=$((number + 1))
    elif [ -e "/dev/$link" ]; then
        break
    elif { printf %s "$port" >"$note"; } 2>/dev/null; then
        echo "$link"
        exit
    fi
done
exec "$@" "$path"
