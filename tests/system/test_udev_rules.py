"""The generated rules: their shape, what they do at which event, and who else's rules meet ours."""

from __future__ import annotations

import re

import pytest

from pymodeswitch import UsageError, UsbId
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.system.udev_rules import own_command, rules, sender_command
from tests.support.udev_rules import Event, Outcome, carry_out

COMMAND = ("/usr/bin/pymodeswitch",)
LINE = re.compile(r'ATTR\{idVendor\}=="(\w{4})", ATTR\{idProduct\}=="([\w|]+)", GOTO="pymodeswitch_start"')
NOTHING = Outcome((), (), ())
MF691 = UsbId(0x19D2, 0x1201)
SYSTEMD = ("/run/systemd/system",)


def plugged(usb_id: UsbId, **fields: object) -> Event:
    attributes = {"idVendor": f"{usb_id.vendor:04x}", "idProduct": f"{usb_id.product:04x}"}
    return Event(attributes)._replace(**fields)


def test_one_line_per_vendor_and_every_id_once() -> None:
    ids = default_catalog().initial_ids()
    lines = [m for line in rules(ids, COMMAND).splitlines() if (m := LINE.fullmatch(line))]
    found = [UsbId(int(m[1], 16), int(p, 16)) for m in lines for p in m[2].split("|")]
    assert found == ids
    assert len(lines) == len({usb_id.vendor for usb_id in ids})


def test_every_id_starts_once_and_no_target_starts() -> None:
    catalog = default_catalog()
    ids = catalog.initial_ids()
    text = rules(ids, COMMAND)
    for usb_id in ids:
        expected = "/usr/bin/pymodeswitch early --start-judge 1-1.2"
        assert carry_out(text, plugged(usb_id)) == Outcome((expected,), (), ())
    targets = {target for entry in catalog.entries() for target in entry.targets} - set(ids)
    assert len(targets) > 100
    for target in targets:
        assert carry_out(text, plugged(target)) == NOTHING


def test_who_starts_the_judge() -> None:
    """systemd's path unit where it runs; what udev starts dies with the event there."""
    text = rules([MF691], ["/bin/x"])
    assert carry_out(text, plugged(MF691, exists=SYSTEMD)) == Outcome(("/bin/x early 1-1.2",), (), ())
    assert carry_out(text, plugged(MF691)) == Outcome(("/bin/x early --start-judge 1-1.2",), (), ())


def test_a_judge_that_is_at_work_sends_too() -> None:
    """What it has heard of: not a stick that was there before, as when udev replays its events."""
    text = rules([MF691], ["/bin/x"])
    at_work = ("/run/pymodeswitch/at-work",)

    def starts(age: str | None, exists: tuple[str, ...]) -> bool:
        event = plugged(MF691, exists=(*SYSTEMD, *exists))
        ages = {} if age is None else {"power/connected_duration": age}
        return carry_out(text, event._replace(attributes={**event.attributes, **ages})) != NOTHING

    assert [starts(age, at_work) for age in ("0", "99999", "100000", "3600000", None)] == [
        *(False, False),
        *(True, True, True),
    ]
    assert starts("0", ())


def test_once_per_stick_and_only_when_it_is_added() -> None:
    text = rules([MF691], COMMAND, whole_vendors=[0x19D2])
    for action in ("bind", "change", "unbind", "remove", "move"):
        assert carry_out(text, plugged(MF691, action=action, exists=SYSTEMD)) == NOTHING
    assert carry_out(text, plugged(MF691, devtype="usb_interface", kernel="1-1.2:1.0")) == NOTHING
    assert carry_out(text, plugged(MF691, subsystem="tty")) == NOTHING
    assert carry_out(text, plugged(MF691)) != NOTHING


def test_a_vendor_with_a_fallback() -> None:
    """Any of its sticks with storage in interface 0; a switched one has something else there."""
    text = rules([UsbId(0x12D1, 1)], COMMAND, whole_vendors=[0x12D1, 0x05C6])
    for vendor in (0x12D1, 0x05C6):
        stick = UsbId(vendor, 0x1234)
        assert len(carry_out(text, plugged(stick)).run) == 1
        assert carry_out(text, plugged(stick, interfaces=":ff0112:080650:")) == NOTHING
        phone = plugged(stick)
        assert (
            carry_out(text, phone._replace(attributes={**phone.attributes, "manufacturer": "Android"}))
            == NOTHING
        )
    assert carry_out(text, plugged(UsbId(0x19D2, 1))) == NOTHING
    listed = plugged(UsbId(0x12D1, 1), interfaces=":ff0112:")
    assert len(carry_out(text, listed).run) == 1, "what has a file of its own need not be storage"


def test_our_own_sender_is_started_the_quickest_way() -> None:
    """As a file, without `site`: it needs no other package."""
    (line,) = carry_out(rules([MF691], own_command()), plugged(MF691, exists=SYSTEMD)).run
    assert line.startswith("/")
    assert line.endswith(" -I -S " + line.split()[3] + " 1-1.2")
    assert line.split()[3].endswith("/pymodeswitch/early/__main__.py")
    assert own_command()[-1].endswith("/pymodeswitch/__main__.py")


def test_a_python_with_a_blank_in_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/opt/my env/bin/python")
    assert "'/opt/my env/bin/python' -I -S /" in rules([MF691], own_command())


def test_words_that_udev_would_read_otherwise() -> None:
    assert 'RUN+="/opt/100%%$$x early %k"' in rules([MF691], ["/opt/100%$x"])
    with pytest.raises(UsageError, match="no single quotes"):
        rules([MF691], ["/opt/it's"])


def test_a_python_that_does_not_know_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "")
    with pytest.raises(UsageError, match="say with --command"):
        own_command()


def test_any_other_command_has_the_sender_as_a_word() -> None:
    assert sender_command(["/usr/bin/pymodeswitch"]) == ("/usr/bin/pymodeswitch", "early")
    packaged = ["/usr/bin/python3", "-I", "/usr/lib/it/pymodeswitch/__main__.py"]
    assert sender_command(packaged)[2:] == ("-S", "/usr/lib/it/pymodeswitch/early/__main__.py")


@pytest.mark.parametrize("command", ['say"hi"', "a\nb"])
def test_commands_that_fit_in_no_rule(command: str) -> None:
    with pytest.raises(UsageError, match="bad command"):
        rules([UsbId(1, 2)], [command])


def test_a_line_that_udev_would_not_read() -> None:
    with pytest.raises(UsageError, match="longer than udev reads"):
        rules([UsbId(1, product) for product in range(4000)], COMMAND)
