"""A command with the options of usb_modeswitch 2.6.1: `python -m pymodeswitch.usb_modeswitch`.

For scripts that call usb_modeswitch: the same options, the same exit codes, the same `ok:` and `fail:`
lines. What it says in words is the truth about the port. docs/drop-in.md has the table and the differences.

Imports command and below.
"""
