"""Each method, recorded in each form of capture, is learned, and what is learned switches such a stick."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pymodeswitch
from pymodeswitch import DeviceFile, Status
from pymodeswitch.device_files.syntax import parse
from pymodeswitch.learning.known import method_of
from pymodeswitch.learning.learn import learn
from pymodeswitch.learning.lesson import device_files, text
from pymodeswitch.virtual import Leave, VirtualBackend, VirtualBus
from tests.learning import traffic
from tests.learning.traffic import Event, NotingBus
from tests.support.method_sticks import METHODS, PRODUCT, VENDOR, Method

FORMS: dict[str, Callable[[list[Event]], bytes | str]] = {
    "pcap 220": lambda events: traffic.pcap(traffic.usbmon(events), 220),
    "pcap 189, big-endian, ns": lambda events: traffic.pcap(
        traffic.usbmon(events, header=48, order=">"), 189, order=">", ns=True
    ),
    "pcapng 220": lambda events: (
        traffic.section() + traffic.interface(220) + b"".join(map(traffic.enhanced, traffic.usbmon(events)))
    ),
    "usbmon text": traffic.usbmon_text,
    "usbmon text t": lambda events: traffic.usbmon_text(events, bus=None),
    "USBPcap": lambda events: traffic.pcap(traffic.usbpcap(events), 249),
    "USBPcap before 1.5": lambda events: traffic.pcap(traffic.usbpcap(events, new=False), 249, order=">"),
}
# These leave nothing in a capture that could be told from ordinary traffic, or need a storage driver.
UNSEEN = ("ResetUSB", "ThroughDriver")
SHOWN = [method for method in METHODS if method.name not in UNSEEN]
AS = {"MessageContent": "StandardEject"}  # its message is an eject


def record(method: Method, bus: NotingBus) -> None:
    bus.plug(method.build(Leave(0.3)), "1-1")
    bus.clock.sleep(3.0)
    result = pymodeswitch.switch(
        VENDOR,
        PRODUCT,
        config=method.device_file,
        backend=VirtualBackend(bus),
        settings=pymodeswitch.Settings(),
    )
    assert result.status is Status.SWITCHED
    bus.clock.sleep(1.0)
    bus.attached()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", SHOWN, ids=lambda method: method.name)
def test_learned_and_replayed(
    method: Method, form: str, noting: NotingBus, capture: Callable[..., str]
) -> None:
    record(method, noting)
    learned = learn(capture(FORMS[form](noting.events)))
    (lesson, *others) = learned.lessons
    assert not [other for other in others if other.is_learned]
    assert lesson.is_learned, lesson.doubts
    parsed, diagnostics = parse(text(lesson, learned.info), strict=True)
    assert not diagnostics
    found = method_of(parsed)
    assert found is not None
    assert found.name == AS.get(method.name, method.name)
    assert switches(method, parsed)


def switches(method: Method, device_file: DeviceFile) -> bool:
    bus = VirtualBus()
    bus.plug(method.build(Leave(0.3)), "1-1")
    result = pymodeswitch.switch(VENDOR, PRODUCT, config=device_file, backend=VirtualBackend(bus))
    return result.status is Status.SWITCHED


def test_nothing_is_made_of_what_cannot_be_seen(noting: NotingBus, capture: Callable[..., str]) -> None:
    """A port reset looks like one of the kernel's own."""
    record(next(method for method in METHODS if method.name == "ResetUSB"), noting)
    learned = learn(capture(FORMS["pcap 220"](noting.events)))
    assert not [lesson for lesson in learned.lessons if lesson.is_learned]
    assert [device_files(lesson) for lesson in learned.lessons] in ([], [[]])


# A log is of one device, and has no selecting of a configuration in the way it is written here.
IN_LOGS = [method for method in SHOWN if method.name not in ("Configuration", "SonyMode")]


@pytest.mark.parametrize("method", IN_LOGS, ids=lambda method: method.name)
def test_learned_from_a_log_of_sniffusb(
    method: Method, noting: NotingBus, capture: Callable[..., str]
) -> None:
    record(method, noting)
    (lesson,) = learn(capture(traffic.sniffusb(noting.events, 2))).lessons
    assert lesson.is_learned, lesson.doubts
    assert lesson.target is None
    found = method_of(device_files(lesson)[0])
    assert found is not None
    assert found.name == AS.get(method.name, method.name)
