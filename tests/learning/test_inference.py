"""Which command switched which stick: what is concluded, how surely, and what is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pymodeswitch.device_files.syntax import parse
from pymodeswitch.learning.inference import Confidence
from pymodeswitch.learning.learn import learn
from pymodeswitch.learning.lesson import data, text, verdict
from pymodeswitch.nouns.model import UsbId
from pymodeswitch.virtual import Leave, MassStorage, Reply, Stick, message_stick, modem_mode, storage_mode
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
from tests.learning.traffic import NotingBus

Write = Callable[..., str]


def test_a_plain_one_is_sure(noting: NotingBus, capture: Write) -> None:
    switched(noting)
    for content in (pcap(noting), windows(noting)):
        lesson = only(capture(content))
        assert lesson.confidence is Confidence.HIGH
        assert data(lesson, learn(capture(content)).info)["entry"] == {
            "TargetVendor": "0x1234",
            "TargetProduct": "0x1001",
            "MessageContent": "5553424312345678000000000000" + "0c" + VENDOR_CDB.hex() + "00000000",
        }


def test_recording_began_too_late(noting: NotingBus, capture: Write) -> None:
    switched(noting)
    enumerated = next(i for i, event in enumerate(noting.events) if event.out[:4] == b"USBC")
    noting.events = noting.events[enumerated:]
    for content in (pcap(noting), windows(noting)):
        path = capture(content)
        lesson = only(path)
        assert verdict([lesson]) == "incomplete"
        assert any("--id" in question for question in lesson.questions)
        lesson = only(path, UsbId(VENDOR, PRODUCT))
        assert lesson.is_learned
        assert lesson.confidence is Confidence.MEDIUM
        assert str(lesson.target) == "1234:1001"


def test_it_never_came_back(noting: NotingBus, capture: Write) -> None:
    switched(noting, plugged=stick(leave=Leave(None)))
    path = capture(pcap(noting))
    lesson = only(path)
    assert (lesson.confidence, lesson.target) == (Confidence.MEDIUM, None)
    assert any("--target" in question for question in lesson.questions)
    lesson = only(path, None, UsbId(1, 2))
    assert not lesson.questions
    assert "TargetVendor=0x0001\nTargetProduct=0x0002" in text(lesson, learn(path).info)


def test_an_eject_whose_target_is_given(noting: NotingBus, capture: Write) -> None:
    """Nobody knows whether it was only unplugged, unless the user says what it became."""
    switched(noting, cbw(EJECT_CDB), stick(EJECT_CDB, Leave(None)))
    path = capture(windows(noting))
    assert not only(path).is_learned
    assert only(path, None, UsbId(1, 2)).confidence is Confidence.MEDIUM


def test_packets_that_are_cut(noting: NotingBus, capture: Write) -> None:
    switched(noting)
    cut = traffic.pcap(traffic.usbmon(noting.events), 220, snaplen=64 + 20)
    lesson = only(capture(cut))
    assert verdict([lesson]) == "incomplete"
    assert any("-s 0" in question for question in lesson.questions)
    assert "MessageContent" not in text(lesson, learn(capture(cut)).info)


def test_several_commands(noting: NotingBus, capture: Write) -> None:
    """Each of them may have been the one: none is printed as the answer."""
    noting.plug(stick(), "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(OTHER_CDB))
    noting.clock.sleep(2)
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(2)
    path = capture(pcap(noting))
    lesson = only(path)
    assert verdict([lesson]) == "candidates"
    printed = text(lesson, learn(path).info)
    assert not [line for line in printed.splitlines() if not line.startswith("#")]
    assert printed.index(VENDOR_CDB.hex()) < printed.index(OTHER_CDB.hex())


def test_a_series_is_one_method(noting: NotingBus, capture: Write) -> None:
    plugged = message_stick(
        VENDOR, PRODUCT, [OTHER_CDB, VENDOR_CDB], modem_mode(VENDOR, TARGET), Leave(0.5)
    )
    noting.plug(plugged, "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(OTHER_CDB))
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(2)
    noting.attached()
    path = capture(pcap(noting))
    lesson = only(path)
    assert lesson.confidence is Confidence.MEDIUM
    device_file, _ = parse(text(lesson, learn(path).info), strict=True)
    assert [message[15:27].rstrip(b"\0") for message in device_file.messages] == [
        OTHER_CDB.rstrip(b"\0"),
        VENDOR_CDB.rstrip(b"\0"),
    ]


def test_an_eject_and_then_a_message(noting: NotingBus, capture: Write) -> None:
    plugged = message_stick(
        VENDOR, PRODUCT, [EJECT_CDB, VENDOR_CDB], modem_mode(VENDOR, TARGET), Leave(0.5)
    )
    noting.plug(plugged, "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(EJECT_CDB))
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(2)
    noting.attached()
    path = capture(windows(noting))
    device_file, _ = parse(text(only(path), learn(path).info), strict=True)
    assert device_file.standard_eject
    assert device_file.message_content is not None


def test_what_a_program_asks_every_second_is_no_candidate(noting: NotingBus, capture: Write) -> None:
    noting.plug(stick(), "1-1")
    for _ in range(8):
        noting.clock.sleep(1)
        send(noting, cbw(OTHER_CDB, length=8))
    send(noting, cbw(VENDOR_CDB))
    noting.clock.sleep(2)
    noting.attached()
    lesson = only(capture(windows(noting)))
    assert lesson.confidence is Confidence.HIGH
    assert [one.commands[0].cdb[0] for one in lesson.candidates] == [0xFF]


def test_polled_and_pulled_out(noting: NotingBus, capture: Write) -> None:
    """A program that polls, a stick that is pulled out, and another one plugged in: nothing to learn."""
    noting.plug(stick(leave=None), "1-1")
    for _ in range(8):
        noting.clock.sleep(1)
        send(noting, cbw(OTHER_CDB, length=8))
    noting.unplug("1-1")
    noting.clock.sleep(4)
    noting.plug(Stick([modem_mode(0x4321, 1)]), "1-1")
    for content in (pcap(noting), windows(noting)):
        lesson = only(capture(content))
        assert not lesson.is_learned


@pytest.mark.parametrize("other", [(VENDOR, 0x2000), (0x4321, 1)])
@pytest.mark.parametrize("kind", [0, 5])
def test_a_drive_is_ejected_and_another_plugged_in(
    other: tuple[int, int], kind: int, noting: NotingBus, capture: Write
) -> None:
    noting.plug(drive(kind=kind), "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(EJECT_CDB))
    noting.clock.sleep(1.5)
    noting.unplug("1-1")
    noting.clock.sleep(4)
    noting.plug(drive(*other), "1-1")
    noting.clock.sleep(1)
    for content in (pcap(noting), windows(noting)):
        assert not [lesson for lesson in learn(capture(content)).lessons if lesson.is_learned]


def test_a_drive_is_ejected_and_unplugged(noting: NotingBus, capture: Write) -> None:
    noting.plug(drive(), "1-1")
    noting.clock.sleep(3)
    send(noting, cbw(EJECT_CDB))
    noting.clock.sleep(1.5)
    noting.unplug("1-1")
    assert learn(capture(pcap(noting))).lessons == []


def test_it_came_back_as_it_was(noting: NotingBus, capture: Write) -> None:
    switched(noting, plugged=stick(target=storage_mode(VENDOR, PRODUCT)))
    for content in (pcap(noting), windows(noting)):
        lesson = only(capture(content))
        assert not lesson.is_learned
        assert "it came back as it was: it fell back, or was plugged in again" in lesson.doubts


def test_two_steps(noting: NotingBus, capture: Write) -> None:
    """Storage, then storage with another ID, then a modem: a file for each step."""
    first, second = MassStorage(), MassStorage()
    plugged = Stick(
        [
            storage_mode(VENDOR, PRODUCT, first),
            storage_mode(VENDOR, 0x1500, second),
            modem_mode(VENDOR, TARGET),
        ]
    )

    def hook(command: object) -> Reply | None:
        if command.cdb[0] in (0xFF, 0xF0):  # type: ignore[attr-defined]
            return Reply(after_status=lambda: plugged.leave(Leave(0.5)))
        return None

    first.hook = second.hook = hook
    switched(noting, plugged=plugged)
    noting.clock.sleep(3)
    send(noting, cbw(OTHER_CDB))
    noting.clock.sleep(2)
    noting.attached()
    steps = {str(lesson.initial): lesson for lesson in learn(capture(pcap(noting))).lessons}
    assert {name: (str(lesson.target), lesson.confidence) for name, lesson in steps.items()} == {
        "1234:1000": ("1234:1500", Confidence.MEDIUM),
        "1234:1500": ("1234:1001", Confidence.HIGH),
    }
