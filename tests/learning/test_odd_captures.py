"""Captures that are not as one would like them, and traffic that teaches nothing."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import pytest

from pymodeswitch.device_files.syntax import parse
from pymodeswitch.learning.commands import is_ordinary, is_ordinary_request
from pymodeswitch.learning.inference import Confidence
from pymodeswitch.learning.learn import learn
from pymodeswitch.learning.lesson import text, verdict
from pymodeswitch.virtual import (
    Leave,
    MassStorage,
    Mode,
    Reply,
    Request,
    Setup,
    Stall,
    Stick,
    message_stick,
    modem_mode,
    storage_interface,
    storage_mode,
    two_configurations,
    waits_for_requests,
)
from pymodeswitch.virtual.descriptors import Configuration, Identity
from tests.learning import traffic
from tests.learning.scenes import (
    EJECT_CDB,
    OTHER_CDB,
    PRODUCT,
    TARGET,
    VENDOR,
    VENDOR_CDB,
    cbw,
    drive,
    only,
    pcap,
    send,
    stick,
    switched,
    windows,
)
from tests.learning.traffic import Event, NotingBus

Write = Callable[..., str]


def test_a_modem_that_is_unplugged_teaches_nothing(noting: NotingBus, capture: Write) -> None:
    """Neither its serial ports' traffic nor its drivers' requests are switching commands."""
    mode = waits_for_requests(modem_mode(VENDOR, TARGET), [Request(0x40, 0, 0, 0)], None)
    noting.plug(Stick([mode]), "1-1")
    tap = noting.attached()[0].stick
    tap.control(traffic.control(0x40, 0, 0, 0, 0))
    noting.note(Event(0, 2, 0x02, out=b"AT+CPIN=1234\r"))
    noting.unplug("1-1")
    for content in (pcap(noting), windows(noting)):
        assert learn(capture(content)).lessons == []


def test_windows_shows_only_silence(noting: NotingBus, capture: Write) -> None:
    switched(noting)
    noting.events = [event for event in noting.events if event.status != -108]
    lesson = only(capture(windows(noting)))
    assert lesson.confidence is Confidence.MEDIUM
    assert str(lesson.target) == "1234:1001"


def test_usbpcap_does_not_know_the_pipe(noting: NotingBus, capture: Write) -> None:
    """Endpoint 0xff, address 255, and the OUT data in the answer."""
    switched(noting)
    records = []
    for seconds, record in traffic.usbpcap(noting.events):
        raw = bytearray(record)
        if VENDOR_CDB in record:
            raw[16], raw[19], raw[20], raw[21] = 1, 255, 0, 0xFF
        records.append((seconds, bytes(raw)))
    lesson = only(capture(traffic.pcap(records, 249)))
    assert lesson.confidence is Confidence.MEDIUM
    assert lesson.candidates[0].commands[0].cdb.startswith(VENDOR_CDB)
    assert str(lesson.initial) == "1234:1000"


def test_a_control_request_that_no_key_sends(noting: NotingBus, capture: Write) -> None:
    mode = waits_for_requests(
        storage_mode(VENDOR, PRODUCT), [Request(0x40, 0x99, 7, 0, b"abc")], Leave(0.5)
    )
    noting.plug(Stick([mode, modem_mode(VENDOR, TARGET)]), "1-1")
    noting.clock.sleep(3)
    noting.attached()[0].stick.control(traffic.control(0x40, 0x99, 7, 0, 3), b"abc")
    noting.attached()
    noting.clock.sleep(2)
    noting.attached()
    for content in (pcap(noting), traffic.pcap(traffic.usbpcap(noting.events, new=False), 249)):
        path = capture(content)
        lesson = only(path)
        assert verdict([lesson]) == "candidates"
        assert "40 99 07 00 00 00 03 00 and 3 bytes of data" in text(lesson, learn(path).info)


def test_it_left_long_after_the_command(noting: NotingBus, capture: Write) -> None:
    switched(noting, plugged=stick(leave=None))
    noting.clock.sleep(6)
    noting.attached()[0].stick.leave(Leave(0.5))
    noting.attached()
    noting.clock.sleep(1)
    noting.attached()
    lesson = only(capture(pcap(noting)))
    assert lesson.confidence is Confidence.MEDIUM
    assert any("after the command" in doubt for doubt in lesson.doubts)


def test_an_eject_by_the_ordinary_driver(noting: NotingBus, capture: Write) -> None:
    switched(noting, cbw(EJECT_CDB, tag=4), stick(EJECT_CDB))
    for event in noting.events:
        event.by_driver = event.by_driver or EJECT_CDB in event.out
    lesson = only(capture(pcap(noting)))
    assert lesson.confidence is Confidence.MEDIUM
    assert lesson.is_learned
    assert only(capture(windows(noting))).confidence is Confidence.HIGH


def test_a_unit_other_than_the_first_is_kept(noting: NotingBus, capture: Write) -> None:
    switched(noting, cbw(VENDOR_CDB, lun=1))
    path = capture(pcap(noting))
    device_file, _ = parse(text(only(path), learn(path).info), strict=True)
    assert device_file.message_content is not None
    assert device_file.message_content[13] == 1


def test_the_recording_ended_too_early(noting: NotingBus, capture: Write) -> None:
    noting.plug(stick(), "1-1")
    noting.clock.sleep(3)
    noting.attached()[0].stick.write(0x01, cbw(VENDOR_CDB))
    lesson = only(capture(pcap(noting)))
    assert verdict([lesson]) == "candidates"
    assert any("Record again" in question for question in lesson.questions)


def test_strings_are_hostile(noting: NotingBus, capture: Write) -> None:
    """Neither a line feed nor a key in a string becomes a line of the file; numbers are masked."""
    storage = MassStorage(vendor="A\nB=1\x1b[m")
    identity = Identity(
        VENDOR,
        PRODUCT,
        (Configuration((storage_interface(storage),)),),
        manufacturer="mode\nStandardEject=1\r\nx \x1b[2J",
        product_name="IMEI 35 209900 176148 1",
        serial="SECRET77",
    )
    plugged = Stick([Mode(identity, (storage,)), modem_mode(VENDOR, TARGET)])

    def hook(command: object) -> Reply | None:
        is_it = command.cdb[0] == 0xFF  # type: ignore[attr-defined]
        return Reply(after_status=lambda: plugged.leave(Leave(0.5))) if is_it else None

    storage.hook = hook
    switched(noting, plugged=plugged)
    path = capture(pcap(noting))
    printed = text(only(path), learn(path).info)
    device_file, diagnostics = parse(printed, strict=True)
    assert not diagnostics
    assert not device_file.standard_eject
    assert "\x1b" not in printed
    assert "176148" not in printed
    assert "SECRET77" not in printed


def test_sniffusb_of_one_device(noting: NotingBus, capture: Write) -> None:
    switched(noting)
    path = capture(traffic.sniffusb(noting.events, 2))
    lesson = only(path)
    assert (lesson.confidence, lesson.target) == (Confidence.MEDIUM, None)
    assert str(lesson.initial) == "1234:1000"
    assert lesson.is_learned


def test_only_the_block_with_the_command_was_quoted(noting: NotingBus, capture: Write) -> None:
    switched(noting)
    log = traffic.sniffusb(noting.events, 2)
    at = log.index("02 44 45 56")
    quoted = log[log.rindex("-- URB_FUNCTION", 0, at) : log.index("[", at + 100)]
    lesson = only(capture(quoted))
    assert verdict([lesson]) == "incomplete"
    assert VENDOR_CDB in lesson.candidates[0].commands[0].cdb


def test_a_port_reset_is_no_leave(noting: NotingBus, capture: Write) -> None:
    """A driver resets the port under the stick; it keeps its address."""
    noting.plug(stick(), "1-1")
    noting.clock.sleep(2)
    noting.note(Event(0, 2, 0x81, status=-71))
    noting.note(Event(0, 1, 0, traffic.control(0x23, 3, 4, 1, 0)))
    noting.note(Event(0, 0, 0, traffic.control(0x00, 5, 2, 0, 0)))
    noting.attached()[0].stick.control(traffic.control(0x80, 6, 0x100, 0, 18))
    noting.clock.sleep(1)
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(2)
    noting.attached()
    lesson = only(capture(pcap(noting)))
    assert lesson.confidence is Confidence.HIGH
    assert lesson.before.resets == 1


def test_addresses_that_are_set_unseen(noting: NotingBus, capture: Write) -> None:
    """xHCI: no SET_ADDRESS is in the capture; a keyboard speaks meanwhile."""
    switched(noting)
    begin = next(i for i, event in enumerate(noting.events) if event.setup[:2] == b"\x00\x05")
    typed = Event(noting.events[begin].seconds, 7, 0x81, answer=bytes(8))
    noting.events[begin:begin] = [typed]
    noting.events = [event for event in noting.events if event.setup[:2] != b"\x00\x05"]
    lesson = only(capture(pcap(noting)))
    assert lesson.same_port
    assert lesson.confidence is Confidence.HIGH


def test_it_was_there_before_the_recording(noting: NotingBus, capture: Write) -> None:
    """libpcap asks all devices for their descriptors as it begins; the port shows as the stick leaves."""
    switched(noting)
    asked = next(i for i, event in enumerate(noting.events) if event.setup[:4] == b"\x80\x06\x00\x01")
    later = next(i for i, event in enumerate(noting.events) if event.out[:4] == b"USBC")
    noting.events = [noting.events[asked], *noting.events[later:]]
    lesson = only(capture(pcap(noting)))
    assert lesson.same_port
    assert lesson.confidence is Confidence.HIGH


def test_it_passes_through_another_id(noting: NotingBus, capture: Write) -> None:
    """Half a second of something else on its way: the target is what stays."""
    storage = MassStorage()
    plugged = Stick(
        [storage_mode(VENDOR, PRODUCT, storage), modem_mode(VENDOR, 0x1F00), modem_mode(VENDOR, TARGET)]
    )
    storage.hook = lambda command: (
        Reply(after_status=lambda: plugged.leave(Leave(0.5))) if command.cdb[0] == 0xFF else None
    )
    noting.plug(plugged, "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(0.6)
    noting.attached()
    noting.clock.seconds -= 0.7  # type: ignore[attr-defined]  # the modem's enumeration took a second
    plugged.leave(Leave(0.2))
    noting.attached()
    noting.clock.sleep(1)
    noting.attached()
    lesson = only(capture(pcap(noting)))
    assert str(lesson.target) == "1234:1001"


def test_a_driver_of_the_kernel_did_it(noting: NotingBus, capture: Write) -> None:
    mode = waits_for_requests(storage_mode(VENDOR, PRODUCT), [Request(0x40, 0x0B, 1, 0)], Leave(0.5))
    plugged = Stick([mode, modem_mode(VENDOR, TARGET)])
    number = len(noting.events)
    noting.plug(plugged, "1-1")
    configured = next(
        i for i, event in enumerate(noting.events) if i >= number and event.setup[:2] == b"\x00\x09"
    )
    noting.events = noting.events[: configured + 1]
    noting.clock.seconds = noting.events[-1].seconds  # type: ignore[attr-defined]
    noting.attached()[0].stick.control(traffic.control(0x40, 0x0B, 1, 0, 0))
    noting.attached()
    noting.clock.sleep(2)
    noting.attached()
    path = capture(pcap(noting))
    assert "Linux needs no device file" in text(only(path), learn(path).info)


def test_data_of_a_command_are_no_message(noting: NotingBus, capture: Write) -> None:
    """What is written after a WRITE, even if it looks like a command."""
    noting.plug(stick(), "1-1")
    noting.clock.sleep(3)
    write = struct.pack("<4sIIBBB", b"USBC", 9, 512, 0, 0, 10) + bytes.fromhex(
        "2a000000003300000100"
    ).ljust(16, b"\0")
    send(noting, write, answered=False)
    noting.note(Event(0, 2, 0x01, out=cbw(OTHER_CDB).ljust(512, b"x")))
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(2)
    noting.attached()
    for content in (pcap(noting), windows(noting)):
        lesson = only(capture(content))
        kinds = [(sent.kind, sent.cdb[:1]) for one in lesson.candidates for sent in one.commands]
        assert kinds == [("command", b"\xff")]


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_another_device_is_plugged_in_by_hand(seconds: float, noting: NotingBus, capture: Write) -> None:
    """A CD is ejected and pulled out; a modem of another vendor takes its place, as fast as a hand can."""
    noting.plug(drive(kind=5), "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(EJECT_CDB))
    noting.clock.sleep(seconds)
    noting.unplug("1-1")
    noting.clock.sleep(3.5)
    noting.plug(Stick([modem_mode(0x4321, 1)]), "1-1")
    for content in (pcap(noting), windows(noting)):
        assert not only(capture(content)).is_learned


@pytest.mark.parametrize(
    ("away_s", "vendor", "level"), [(0.5, 0x4321, "high"), (4.0, 0x4321, "medium"), (4.0, 0x1C9E, "high")]
)
def test_another_vendor_comes_late(
    away_s: float, vendor: int, level: str, noting: NotingBus, capture: Write
) -> None:
    """After a vendor's command: a slow stick, or somebody's other one in the same port."""
    noting.plug(message_stick(0x1C9E, 1, [VENDOR_CDB], modem_mode(vendor, 2), Leave(away_s)), "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(away_s + 1)
    noting.attached()
    lesson = only(capture(pcap(noting)))
    assert (lesson.is_learned, lesson.confidence.value) == (True, level)


@pytest.mark.parametrize(
    ("message", "ordinary"),
    [
        (cbw(bytes.fromhex("25000000000000000000"), length=8), True),
        (cbw(bytes.fromhex("25000000000000000000"), length=16), False),
        (cbw(bytes.fromhex("28000000000000000100"), length=2048), True),
        (cbw(bytes.fromhex("28000000000000000100"), length=100), False),
        (cbw(bytes.fromhex("120000002400"), length=36), True),
        (cbw(bytes.fromhex("120000002400ff"), length=36), False),
        (cbw(bytes.fromhex("000000000000")), True),
        (cbw(bytes.fromhex("000000000001")), False),
        (cbw(bytes.fromhex("1b0000000000")), True),
        (cbw(bytes.fromhex("1b0000000100")), True),
        (cbw(bytes.fromhex("1b0000000200")), False),
        (cbw(bytes.fromhex("5a002a00000000008000"), length=128), True),
        (cbw(bytes.fromhex("850000002400"), length=36), False),
        (cbw(VENDOR_CDB), False),
    ],
)
def test_which_commands_are_ordinary(message: bytes, ordinary: bool) -> None:
    assert is_ordinary(message) is ordinary


@pytest.mark.parametrize(
    ("setup", "ordinary"),
    [
        ("8006000100001200", True),
        ("0003010000000000", False),  # SET_FEATURE(DEVICE_REMOTE_WAKEUP)
        ("a1fe000000000100", True),
        ("a1a0000000000100", False),
        ("2109000300000800", True),
        ("400b010000000000", False),
        ("c001000004001000", True),  # Microsoft's descriptors
        ("c088000000000800", False),
    ],
)
def test_which_requests_are_ordinary(setup: str, ordinary: bool) -> None:
    assert is_ordinary_request(bytes.fromhex(setup)) is ordinary


def configurable(on_control: Callable[[Stick, Setup, bytes], bytes | None]) -> Stick:
    """A stick with a second configuration, and another ID that it may go on to."""
    plugged = two_configurations(VENDOR, PRODUCT, modem_mode(VENDOR, TARGET))
    mode = plugged.modes[0]
    mode.on_control = on_control
    return Stick([mode, modem_mode(VENDOR, TARGET)])


def select(bus: NotingBus, value: int) -> None:
    tap = bus.attached()[0].stick
    with contextlib.suppress(Stall):
        tap.control(traffic.control(0x00, 9, value, 0, 0))
    bus.attached()
    bus.clock.sleep(2)
    bus.attached()


def test_a_configuration_that_makes_it_leave(noting: NotingBus, capture: Write) -> None:
    def on_control(stick: Stick, setup: Setup, data: bytes) -> None:
        if (setup.request, setup.value) == (9, 2):
            stick.leave(Leave(0.5))

    noting.plug(configurable(on_control), "1-1")
    noting.clock.sleep(3)
    select(noting, 2)
    for content in (pcap(noting), windows(noting)):
        path = capture(content)
        device_file, _ = parse(text(only(path), learn(path).info), strict=True)
        assert (device_file.configuration, device_file.target_product) == (2, TARGET)


def test_a_configuration_that_is_refused(noting: NotingBus, capture: Write) -> None:
    def on_control(stick: Stick, setup: Setup, data: bytes) -> None:
        if (setup.request, setup.value) == (9, 2):
            raise Stall("no")

    noting.plug(configurable(on_control), "1-1")
    noting.clock.sleep(3)
    select(noting, 2)
    for content in (pcap(noting), windows(noting)):
        assert learn(capture(content)).lessons == []


def test_commands_before_a_configuration_are_told(noting: NotingBus, capture: Write) -> None:
    noting.plug(configurable(lambda stick, setup, data: None), "1-1")
    noting.clock.sleep(3)
    noting.attached()[0].stick.write(0x05, cbw(OTHER_CDB))
    select(noting, 2)
    lesson = only(capture(pcap(noting)))
    assert lesson.confidence is Confidence.MEDIUM
    assert "other unusual commands were sent shortly before" in lesson.doubts
