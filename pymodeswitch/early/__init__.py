"""The sender, which udev starts for a stick that was plugged in just now, and its table. Fast at any price.

    __main__.py       started by udev's rule
    sender.py         what is done for a port, and its state below /run
    lookup.py         the table, and what it says of a device
    plugged_stick.py  the device in sysfs
    usbfs.py          the kernel's calls
    table.py          makes the table

Imports catalog and below. That does table.py alone: the others load nothing of the rest of the package,
and of the standard library only what is in C. `posix` is what `os` is made of; Python's part of it would be a
third of what the sender takes beyond Python's own start.
"""
