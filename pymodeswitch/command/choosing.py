"""Which of several equal sticks is meant: told by a serial number, or asked on a terminal."""

from __future__ import annotations

import sys

from ..host.linux import default_host
from ..nouns.errors import NotAttachedError, SeveralDevicesError, UsageError, printable
from ..nouns.model import AttachedDevice, UsbId
from .console import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

MOST_QUESTIONS = 3


def port_of_serial(options: argparse.Namespace) -> str:
    """The port of the device whose serial number is `options.serial`, be it switched already or not.

    Where several have it (some makers give all sticks the same), the ID that is asked for decides.
    UsageError beside a port; NotAttachedError, SeveralDevicesError.
    """
    serial: str = options.serial
    if options.port is not None:
        raise UsageError("--port and --serial both say which stick: give one of them")
    found = [device for device in _attached() if device.serial == serial]
    if len(found) > 1 and options.id is not None:
        usb_id = UsbId.parse(options.id)
        found = [device for device in found if device.id == usb_id] or found
    if not found:
        raise NotAttachedError(
            f"no device with the serial number {serial!r} is attached (`pymodeswitch list -v` shows them)"
        )
    if len(found) > 1:
        ports = tuple(str(device.port) for device in found)
        raise SeveralDevicesError(
            f"{len(found)} devices have the serial number {serial!r}, on the ports {', '.join(ports)}: "
            "choose one with its port",
            ports=ports,
        )
    return str(found[0].port)


def asked_port(error: SeveralDevicesError, options: argparse.Namespace) -> str | None:
    """The port that a person at a terminal chooses of those in the error; None without an answer.

    Asked on stderr, answered on stdin: with a number, a port or a serial number.
    """
    answering = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    if not answering or options.json or options.quiet or not error.ports:
        return None
    devices = {str(device.port): device for device in _attached()}
    ports = [port for port in error.ports if port in devices]
    answers = {str(number): port for number, port in enumerate(ports, 1)}
    answers |= {port: port for port in ports}
    serials = [devices[port].serial for port in ports]
    answers |= {
        serial: port for serial, port in zip(serials, ports, strict=True) if serials.count(serial) == 1
    }
    answers.pop("", None)
    note("several devices may be meant:")
    for number, port in enumerate(ports, 1):
        note(printable(f"  {number}  {_about(devices[port])}"))
    for _ in range(MOST_QUESTIONS):
        note(f"which one (1 to {len(ports)})? ", end="")
        answer = sys.stdin.readline()
        if not answer.strip():  # the end of the input, or a mere Enter: none of them
            break
        if answer.strip() in answers:
            return answers[answer.strip()]
    return None


def _about(device: AttachedDevice) -> str:
    serial = f"serial {device.serial}" if device.serial else "no serial number"
    name = f"{device.manufacturer} {device.product}".strip()
    return f"port {device.port:<8} {device.id}  {serial:<24} {name}".rstrip()


def _attached() -> tuple[AttachedDevice, ...]:
    host = default_host()
    try:
        return tuple(host.devices())
    finally:
        host.close()
