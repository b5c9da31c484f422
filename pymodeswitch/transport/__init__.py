"""Carries out the steps of a plan: libusb through pyusb, SG_IO, the kernel's storage driver, an INQUIRY.

Faults are told by their meaning here, whatever library met them. Imports planning and below.
"""
