"""Measures pymodeswitch beside usb_modeswitch: `python -m bench` writes the table in docs/speed.md.

    __main__.py     the command: runs all comparisons, writes the table
    guest.py        on a real kernel in QEMU, through the rules of both: time, CPU, hanging sticks, many at once
    contenders.py   the two that are compared there, installed one at a time
    accounting.py   CPU time by process and by cgroup, from the kernel's own accounting
    host.py         on this very machine: the sender, the command, look-up in a large table
    sender.py       the sender against a kernel that takes every call
    start.py        the command against a virtual stick that lives in another process
    table.py        figures -> Markdown

No tests: timed tests fail on busy machines. What makes it fast is asserted in tests/behaviour/test_hot_path.py.
"""
