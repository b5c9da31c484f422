"""Reports, files and command lines of other people, beside those of public-cases: what we make of each.

The numbers are those of reports.md, which has the sources. Facts only; personal details are replaced.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import Settings, Status, SwitchResult, TooOftenError, UsbId, switch
from pymodeswitch.catalog.catalog import Catalog, entry_from_file
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.command import cli
from pymodeswitch.device_files.syntax import parse
from pymodeswitch.host.linux import LibusbHost, default_host
from pymodeswitch.planning.settings import read_settings
from pymodeswitch.system.foreign_rules import Start, starts
from pymodeswitch.system.root import Root
from pymodeswitch.system.udev_rules import rules
from pymodeswitch.usb_modeswitch import front
from pymodeswitch.virtual import (
    Command,
    Leave,
    MassStorage,
    Mode,
    Reply,
    Stick,
    VirtualBackend,
    VirtualBus,
    is_eject,
    mf691,
    modem_mode,
    storage_mode,
)
from pymodeswitch.virtual.descriptors import (
    CDC,
    INTERRUPT,
    VENDOR_SPECIFIC,
    Configuration,
    Endpoint,
    Identity,
    Interface,
)
from pymodeswitch.virtual.sticks import answer_and_leave

REALTEK = UsbId(0x0BDA, 0x1A2B)
IDS = [REALTEK, UsbId(0x0BDA, 0x8151), UsbId(0xA69C, 0x5721), UsbId(0x12D1, 0x1F01), UsbId(0x1C9E, 0x6061)]
RULES = Path(__file__).parent / "rules"


@pytest.fixture
def drop_in(backend: VirtualBackend, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs usb_modeswitch's command line; gives exit code, stdout, stderr."""
    host = default_host(backend)

    def run(words: str) -> tuple[int, str, str]:
        code = front.main(words.replace("'", "").split(), host)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def ejecting(vendor: int, product: int, target: Mode, *, times: int = 1) -> Stick:
    """A CD that takes that many ejects."""
    storage = MassStorage()
    stick = Stick([storage_mode(vendor, product, storage), target])

    def hook(command: Command) -> Reply | None:
        ejects = list(filter(is_eject, storage.commands))
        if not is_eject(command) or len(ejects) < times:
            return None
        return answer_and_leave(stick, Leave(0.4))

    storage.hook = hook
    return stick


def plain(backend: VirtualBackend, usb_id: UsbId, **options: Any) -> SwitchResult:
    return switch(usb_id.vendor, usb_id.product, backend=backend, settings=Settings(), **options)


# Devices


@pytest.mark.parametrize("product", [0x8152, 0x8153, 0x8156])
def test_r1_to_r3_an_ethernet_adapter_with_a_driver_cd(
    product: int, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(ejecting(0x0BDA, 0x8151, modem_mode(0x0BDA, product)))
    result = plain(backend, UsbId(0x0BDA, 0x8151))
    assert (result.status, result.unlisted) == (Status.SWITCHED, False)


def test_r3_one_that_only_a_reset_switches(bus: VirtualBus, backend: VirtualBackend) -> None:
    storage = MassStorage()
    first = storage_mode(0x0BDA, 0x8151, storage)
    first.on_reset = lambda stick: stick.leave(Leave(0.4))
    bus.plug(Stick([first, modem_mode(0x0BDA, 0x8156)]))
    result = plain(backend, UsbId(0x0BDA, 0x8151))
    assert (result.status, result.tries) == (Status.SWITCHED, 1)


def test_r4_the_message_of_the_raspberry_hat(bus: VirtualBus, backend: VirtualBackend) -> None:
    storage = MassStorage()
    stick = Stick([storage_mode(0x0BDA, 0x8151, storage), modem_mode(0x0BDA, 0x8152)])
    storage.hook = lambda command: (
        answer_and_leave(stick, Leave(0.4)) if command.cdb.startswith(b"\xe0") else None
    )
    bus.plug(stick)
    assert plain(backend, UsbId(0x0BDA, 0x8151), mode="message").status is Status.SWITCHED


@pytest.mark.parametrize("target", ["0bda:c832", "2357:013f", "2357:0141"])
def test_r5_r6_what_the_realtek_cd_becomes(target: str, bus: VirtualBus, backend: VirtualBackend) -> None:
    vendor, product = (int(part, 16) for part in target.split(":"))
    bus.plug(ejecting(0x0BDA, 0x1A2B, modem_mode(vendor, product)))
    result = plain(backend, REALTEK)
    assert (result.status, result.unlisted) == (Status.SWITCHED, False)


def test_r7_one_that_needs_the_command_twice(bus: VirtualBus, backend: VirtualBackend) -> None:
    """StandardEject has two ejects, for two units: the first round does nothing."""
    bus.plug(ejecting(0x0BDA, 0x1A2B, modem_mode(0x0BDA, 0xC811), times=3))
    result = plain(backend, REALTEK)
    assert (result.status, result.tries) == (Status.SWITCHED, 2)


def test_r31_no_storage_driver_has_it(bus: VirtualBus, backend: VirtualBackend) -> None:
    """usb-storage.quirks=0bda:1a2b:i, and a kernel that has this line built in."""
    attached = bus.plug(ejecting(0x0BDA, 0x1A2B, modem_mode(0x0BDA, 0xC811)))
    attached.drivers.clear()
    assert plain(backend, REALTEK).status is Status.SWITCHED


def test_r11_thirty_starts_for_one_stick(bus: VirtualBus, backend: VirtualBackend, tmp_path: Path) -> None:
    """udev starts it again and again: the stick is not sent to more than five times a minute."""

    class Host(LibusbHost):
        state_folder = str(tmp_path)

    attached = bus.plug(mf691(leave=None))
    storage = attached.stick.modes[0].functions[0]
    assert isinstance(storage, MassStorage)
    host, refused = Host(backend, bus.clock), 0
    for _ in range(30):
        try:
            switch(0x19D2, 0x1201, host=host, settings=Settings(), wait=False)
        except TooOftenError:
            refused += 1
    assert refused == 25
    assert len(list(filter(is_eject, storage.commands))) == 5 * 2


# Command lines


def test_r8_the_card_is_there_already(bus: VirtualBus, drop_in: Any) -> None:
    bus.plug(Stick([modem_mode(0x0BDA, 0xC811)]))
    code, out, _ = drop_in("-KW -v 0bda -p 1a2b")
    assert (code, "0bda:1a2b is not attached: nothing to do" in out) == (0, True)


def test_r9_an_eject_for_the_card_itself(bus: VirtualBus, backend: VirtualBackend, drop_in: Any) -> None:
    identity = Identity(0x0BDA, 0xC811, (Configuration((Interface(0, VENDOR_SPECIFIC),)),))
    bus.plug(Stick([Mode(identity)]))
    code, _, err = drop_in("-KW -v 0bda -p c811")
    assert (code, "shows class 0xff, not mass storage (0x08): already switched?" in err) == (1, True)
    assert backend.transfers == []


@pytest.mark.parametrize(
    "words",
    [
        "-v 0xa69c -p 0x5721 -KQ",  # R13
        "-K -v a69c -p 5721",
        "-KW -v a69c -p 5721 -P 8d80",  # R7's second attempt: a target product alone
        "-v a69c -p 5721 -K -R",  # R2
    ],
)
def test_r13_flags_in_one_word(words: str, bus: VirtualBus, drop_in: Any) -> None:
    attached = bus.plug(ejecting(0xA69C, 0x5721, modem_mode(0x368B, 0x8D81)))
    assert drop_in(words)[0] == 0
    bus.clock.sleep(2)
    bus.settle()
    assert attached.stick.mode_index == 1


def test_r14_a_message_and_an_old_flag(bus: VirtualBus, drop_in: Any) -> None:
    eject = "5553424312345678000000000000061b000000020000000000000000000000"
    attached = bus.plug(mf691())
    assert drop_in(f"-v 0x19d2 -p 0x1201 -M '{eject}' -I -W")[0] == 0
    bus.clock.sleep(2)
    bus.settle()
    assert attached.stick.mode_index == 1


def wheel(product: int, message: bytes) -> Stick:
    """A racing wheel in its console's mode: a vendor-specific interface with an interrupt endpoint."""
    endpoints = (Endpoint(0x01, INTERRUPT, 64, 4), Endpoint(0x81, INTERRUPT, 64, 4))
    identity = Identity(0x046D, product, (Configuration((Interface(0, 0xFF, 0x47, 0xD0, endpoints),)),))

    class Xbox:
        def reset(self) -> None: ...

        def control(self, setup: Any, data: bytes) -> bytes | None:
            return None

        def write(self, endpoint: int, data: bytes) -> bool:
            if data == message:
                stick.leave(Leave(1.0))
            return endpoint == 1

        def read(self, endpoint: int, length: int) -> bytes | None:
            return None

    hid = Identity(0x046D, product + 1, (Configuration((Interface(0, 3),)),))
    stick = Stick([Mode(identity, (Xbox(),)), Mode(hid)])
    return stick


def test_r23_a_racing_wheel(bus: VirtualBus, drop_in: Any) -> None:
    attached = bus.plug(wheel(0xC26D, bytes.fromhex("0f00010142")))
    code, _, err = drop_in("-v 046d -p c26d -M 0f00010142 -C 0x03 -m 01 -r 01")
    assert (code, err) == (0, "")
    bus.clock.sleep(2)
    bus.settle()
    assert attached.stick.mode_index == 1


def test_r27_a_reset_of_a_video_grabber(bus: VirtualBus, backend: VirtualBackend, drop_in: Any) -> None:
    """No storage, no message: only the reset is asked for."""
    identity = Identity(0x534D, 0x2109, (Configuration((Interface(0, 0x0E), Interface(1, 0x0E))),))
    bus.plug(Stick([Mode(identity)]))
    code, _, err = drop_in("-v 0x534d -p 0x2109 -R")
    assert (code, err) == (0, "")
    assert [kind for kind, *_ in backend.transfers] == ["reset"]


def test_r28_a_configuration_of_a_network_card(bus: VirtualBus, drop_in: Any) -> None:
    first = Configuration((Interface(0, 0xE0, 1, 3), Interface(1, 0x0A)))
    second = Configuration((Interface(0, CDC, 6), Interface(1, 0x0A)), value=2)
    attached = bus.plug(Stick([Mode(Identity(0x1410, 0x9030, (first, second)))]))
    assert drop_in("-v 0x1410 -p 0x9030 -u 2")[0] == 0
    assert attached.stick.configuration_value == 2


def test_r30_a_dispatchers_file_without_an_id(
    tmp_path: Path, drop_in: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-c /etc/usb_modeswitch.d/12d1:1f01`, as many rules have it: the reference ends with 1, too."""
    path = tmp_path / "12d1:1f01"
    path.write_text("TargetVendor=0x12d1\nTargetProduct=14dc\nHuaweiNewMode=1\n")
    code, _, err = drop_in(f"-c {path}")
    assert code == 1
    assert err
    assert cli.main(["lint", str(path)]) == 0, "for a folder it is whole"


# Rules


V = 'ACTION=="add", SUBSYSTEM=="usb", ATTR{idVendor}=="0bda", ATTR{idProduct}=="1a2b"'
NIX = "/nix/store/0c0ffee0c0ffee0c0ffee0c0ffee0c0f-usb-modeswitch-2.6.1/bin/usb_modeswitch"


@pytest.mark.parametrize(
    ("text", "program", "met"),
    [
        (  # R10
            'ACTION=="add", SUBSYSTEM=="usb", \\\nATTR{idVendor}=="0bda", ATTR{idProduct}=="1a2b", \\\n'
            'ENV{MODE_SWITCH}="1", \\\nRUN+="/usr/bin/usb_modeswitch -v 0bda -p 1a2b -J -R"\n',
            "usb_modeswitch",
            REALTEK,
        ),
        (  # R12
            'KERNEL=="sd*", ATTRS{idVendor}=="a69c", ATTRS{idProduct}=="5721",  SYMLINK+="aicudisk", '
            'RUN+="/usr/bin/eject /dev/%k"\n',
            "eject",
            UsbId(0xA69C, 0x5721),
        ),
        (f'{V}, RUN+="{NIX} -KW -v 0bda -p 1a2b"\n', "usb_modeswitch", REALTEK),  # R17
        (  # R19
            'ACTION=="add", SUBSYSTEM=="usb", ATTRS{idVendor}=="12d1", ATTRS{idProduct}=="1f01", '
            "RUN{program}+=\"/usr/sbin/usb_modeswitch -v 12d1 -p 1f01 -I -M '55534243'\"\n"
            'ACTION=="add", SUBSYSTEM=="usb", ATTRS{idVendor}=="12d1", ATTRS{idProduct}=="155e", '
            "RUN+=\"/bin/bash -c 'modprobe option && echo 12d1 155e > /sys/bus/usb-serial/x'\"\n",
            "usb_modeswitch",
            UsbId(0x12D1, 0x1F01),
        ),
        (  # R34
            'ACTION=="add", SUBSYSTEM=="usb", ATTRS{idVendor}=="12d1", ATTRS{idProduct}=="1f01", '
            'RUN+="/opt/xcsoar/bin/simple_usbmodeswitch"\n'
            'ACTION=="add", SUBSYSTEM=="net", KERNEL=="eth*", SUBSYSTEMS=="usb", RUN+="/opt/ifrename.sh"\n',
            "simple_usbmodeswitch",
            UsbId(0x12D1, 0x1F01),
        ),
        (  # R33
            'ACTION=="add", SUBSYSTEM=="usb", ATTRS{idVendor}=="1c9e", ATTRS{idProduct}=="6061", '
            'RUN+="/usr/sbin/usb_modeswitch -v 1c9e -p 6061 -I -M 55534243"\n'
            'ACTION=="add", SUBSYSTEM=="usb", ATTRS{idVendor}=="1c9e", ATTRS{idProduct}=="6061", '
            'RUN+="/sbin/modprobe option"\n',
            "usb_modeswitch",
            UsbId(0x1C9E, 0x6061),
        ),
    ],
)
def test_rules_that_fight(text: str, program: str, met: UsbId) -> None:
    assert starts(text, IDS) == [Start(program, frozenset([met]))]


def test_r16_a_line_that_udev_drops(tmp_path: Path) -> None:
    """A quote too much before RUN: udev ignores the whole line, so it starts nothing."""
    assert starts(f'{V}, "RUN+="/usr/sbin/usb_modeswitch -v 0bda -p 1a2b -J"\n', IDS) == []


def test_r18_r3_scripts_that_switch(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    root.write("/usr/bin/dwa171script", b"#!/bin/bash\nusb_modeswitch -KW -v 0bda -p 1a2b\n")
    root.write("/var/local/bin/rtl8156-modeswitch", b"#!/bin/sh\n/tmp/usbreset $1\n")
    text = 'ATTRS{idVendor}=="0bda", ATTRS{idProduct}=="1a2b", RUN+="/usr/bin/dwa171script"\n'
    assert [start.program for start in starts(text, IDS, root)] == [
        "usb_modeswitch (by /usr/bin/dwa171script)"
    ]
    other = 'ATTRS{idVendor}=="0bda", ATTRS{idProduct}=="8151", RUN+="/var/local/bin/rtl8156-modeswitch"\n'
    assert starts(other, IDS, root) == [], "a reset of somebody's own is not looked into"


def test_r26_our_rules_are_not_started_by_our_own_switch() -> None:
    """Selecting a configuration makes `bind` and `change` events: theirs interrupted itself by them."""
    text = rules(IDS, ["/usr/bin/pymodeswitch"])
    assert text.splitlines()[1] == 'ACTION!="add", GOTO="pymodeswitch_end"'


# Files


def test_r15_a_target_that_is_the_cd(tmp_path: Path, capsys: Any, bus: VirtualBus, backend: Any) -> None:
    path = tmp_path / "0bda:1a2b"
    path.write_text('TargetVendor=0x0bda\nTargetProductList="1a2b"\nStandardEject=1\n')
    assert cli.main(["lint", str(path)]) == 0
    assert "its only target is 0bda:1a2b itself" in capsys.readouterr().out
    bus.plug(ejecting(0x0BDA, 0x1A2B, modem_mode(0x0BDA, 0xC811)))
    result = plain(backend, REALTEK, config=path)
    assert (result.status, result.unlisted) == (Status.SWITCHED, False)


CONF = """DisableSwitching=0
EnableLogging=0

DefaultVendor= 0x12d1
DefaultProduct=0x1446
TargetVendor=  0x12d1
MessageContent="55534243123456780000000000000011062000000100000000000000000000"
CheckSuccess=20
"""


def test_r20_a_device_file_in_the_place_of_the_settings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "usb_modeswitch.conf"
    path.write_text(CONF)
    settings = read_settings(str(tmp_path / "none"), (str(path),))
    assert (settings.switching, settings.verbose) == (True, False)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{path}:4: keys of a device file: they don't count here, but in /etc/pymodeswitch.d/VVVV-PPPP"
    )
    entry = entry_from_file(str(path), None)  # what `-c` reads
    assert entry.id == UsbId(0x12D1, 0x1446)


@pytest.mark.parametrize(
    ("value", "is_on"),
    [("10", False), ("1", False), ("YES", False), ("true", False), ("0", True), ("no", True), ("2", True)],
)
def test_r21_disable_switching_10(value: str, is_on: bool, tmp_path: Path) -> None:
    """The dispatcher looks for 1, yes or true anywhere in the word; a guide's script relies on it."""
    path = tmp_path / "usb_modeswitch.conf"
    path.write_text(f"DisableSwitching={value}\n")
    assert read_settings(str(tmp_path / "none"), (str(path),)).switching is is_on


def test_r22_settings_in_a_device_file() -> None:
    device_file, diagnostics = parse(CONF, "12d1:1446", strict=True)
    assert device_file.message_content is not None
    assert [d.message for d in diagnostics if "setting" in d.message] == [
        "DisableSwitching is a setting of usb_modeswitch.conf: without effect here",
        "EnableLogging is a setting of usb_modeswitch.conf: without effect here",
    ]


def test_r24_hex_without_its_mark(bus: VirtualBus, backend: VirtualBackend) -> None:
    text = (
        "# Logitech G920 Racing Wheel\nDefaultVendor=046d\nDefaultProduct=c261\nMessageEndpoint=01\n"
        'ResponseEndpoint=01\nTargetClass=0x03\nMessageContent="0f00010142"\n'
    )
    device_file, diagnostics = parse(text, "046d:c261", strict=True)
    assert diagnostics == ()
    assert (device_file.default_vendor, device_file.message_endpoint) == (0x046D, 1)
    bus.plug(wheel(0xC261, bytes.fromhex("0f00010142")))
    assert plain(backend, UsbId(0x046D, 0xC261), config=device_file).status is Status.SWITCHED


def test_r29_an_openwrt_file_whose_target_is_the_cd(
    tmp_path: Path, bus: VirtualBus, backend: VirtualBackend
) -> None:
    data = {
        "messages": ["5553424312345678000000000000061b004600000000000000000000000000"],
        "devices": {
            "0e8d:2870": {
                "*": {"t_vendor": 3725, "t_product": [10352], "mode": "StandardEject", "msg": [0]}
            }
        },
    }
    (tmp_path / "usb-mode.json").write_text(json.dumps(data))
    done = import_device_files(str(tmp_path / "usb-mode.json"), str(tmp_path / "to"))
    assert (done.written, done.errors) == (("0e8d-2870",), ())
    bus.plug(ejecting(0x0E8D, 0x2870, modem_mode(0x0E8D, 0x7612)))
    catalog = Catalog([str(tmp_path / "to")])
    result = plain(backend, UsbId(0x0E8D, 0x2870), catalog=catalog)
    assert (result.status, result.unlisted) == (Status.SWITCHED, False)


@pytest.mark.parametrize("usb_id", [UsbId(0x12D1, 0x15C1), UsbId(0x03F0, 0xA31D)])
def test_r25_three_configurations(usb_id: UsbId, bus: VirtualBus, backend: VirtualBackend) -> None:
    """Huawei ME906s and HP lt4132: the kernel takes the second, MBIM is the third."""
    made = [
        Configuration((Interface(0, VENDOR_SPECIFIC, 6, 16),), value=1),
        Configuration((Interface(0, CDC, 6), Interface(1, 0x0A)), value=2),
        Configuration((Interface(0, CDC, 0x0E), Interface(1, 0x0A)), value=3),
    ]
    order = (made[1], made[0], made[2])  # the first one is what the bus makes active
    attached = bus.plug(Stick([Mode(Identity(usb_id.vendor, usb_id.product, order))]))

    class Host(LibusbHost):
        def has_driver(self, name: str) -> bool:
            return name == "cdc_mbim"

    host = Host(backend, bus.clock)
    result = switch(usb_id.vendor, usb_id.product, host=host, settings=Settings())
    assert (result.status, attached.stick.configuration_value) == (Status.SWITCHED, 3)
    again = switch(usb_id.vendor, usb_id.product, host=host, settings=Settings())
    assert again.status is Status.ALREADY
