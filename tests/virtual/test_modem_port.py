"""The CDC ACM port: class requests and line states, as the kernel's cdc_acm uses them."""

from __future__ import annotations

import pytest
import usb.core

from pymodeswitch.virtual import AcmPort, Radio, Setup, Stall, Stick, VirtualBackend, VirtualBus, mf691

DCD, DSR = 1, 2


def control(
    port: AcmPort, request: int, value: int = 0, data: bytes = b"", kind: int = 0x21
) -> bytes | None:
    return port.control(Setup(kind, request, value, port.first_interface, len(data) or 7), data)


def lines(port: AcmPort) -> int | None:
    """DCD and DSR as reported, None when nothing has changed."""
    notice = port.read(port.endpoint_notify, 16)
    if notice is None:
        return None
    assert notice[:8] == bytes([0xA1, 0x20, 0, 0, port.first_interface, 0, 2, 0])
    return int.from_bytes(notice[8:], "little")


@pytest.fixture
def port() -> AcmPort:
    return AcmPort(2)


def ask(port: AcmPort, command: str) -> str:
    port.write(port.endpoint_data, f"{command}\r".encode())
    return (port.read(0x80 | port.endpoint_data, 512) or b"").decode()


def test_line_coding(port: AcmPort) -> None:
    assert control(port, 0x21, kind=0xA1) == bytes.fromhex("00c20100000008")
    control(port, 0x20, data=bytes.fromhex("80250000000008"))
    assert control(port, 0x21, kind=0xA1) == bytes.fromhex("80250000000008")
    assert control(port, 0x23) == b""
    assert control(port, 0x77) is None
    assert port.control(Setup(0x21, 0x22, 1, 0, 0), b"") is None, "another interface"


def test_dsr_follows_dtr_and_dcd_the_call(port: AcmPort) -> None:
    assert lines(port) is None
    control(port, 0x22, 3)
    assert lines(port) == DSR
    assert "CONNECT" in ask(port, "ATD*99#")
    assert lines(port) == DSR | DCD
    assert lines(port) is None
    port.radio.calls[0].hang_up()
    assert lines(port) == DSR
    ask(port, "AT&C0")
    assert lines(port) == DSR | DCD


def test_a_drop_of_dtr_hangs_up(port: AcmPort) -> None:
    control(port, 0x22, 1)
    ask(port, "ATD*99#")
    control(port, 0x22, 0)
    assert port.radio.calls[0].ended
    assert lines(port) is None, "DCD went on and off again unseen"
    assert "OK" in ask(port, "AT"), "and it is back at commands, without a word"


@pytest.mark.parametrize(("setting", "takes_commands"), [("&D0", False), ("&D1", True)])
def test_or_does_not(setting: str, takes_commands: bool, port: AcmPort) -> None:
    control(port, 0x22, 1)
    ask(port, f"AT{setting}")
    ask(port, "ATD*99#")
    control(port, 0x22, 0)
    assert not port.radio.calls[0].ended
    assert ("OK" in ask(port, "AT")) is takes_commands


def test_a_modem_that_never_reports_its_lines() -> None:
    port = AcmPort(serial_state=False)
    control(port, 0x22, 3)
    assert lines(port) is None


def test_a_reset_ends_the_call_and_all_settings(port: AcmPort) -> None:
    ask(port, "ATE0")
    ask(port, "ATD*99#")
    port.reset()
    assert port.radio.calls[0].ended
    assert ask(port, "AT").startswith("AT\r")


def test_through_pyusb(bus: VirtualBus) -> None:
    """Two ports on one radio, by what the backend shows of them."""
    radio = Radio(rssi=7)
    attached = bus.plug(Stick([mf691(radio=radio).modes[1]]))
    backend = VirtualBackend(bus)
    device = usb.core.find(backend=backend)
    device.detach_kernel_driver(3)
    device.write(3, b"AT+CSQ\r")
    assert b"+CSQ: 7,99" in bytes(device.read(0x83, 512))
    with pytest.raises(Stall):
        attached.stick.write(9, b"")
