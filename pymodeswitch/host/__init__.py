"""The computer: what is attached (sysfs, libusb), what happens (kernel events), what the kernel is told.

Imports transport and below.
"""
