"""Other people's udev rules: the files of tests/public/rules, and each way to write what they say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pymodeswitch import UsbId
from pymodeswitch.system.foreign_rules import Start, starts
from pymodeswitch.system.inspection import UDEV_FOLDERS, inspect, stop_command
from pymodeswitch.system.installation import layout
from pymodeswitch.system.root import Root
from pymodeswitch.system.udev_rules import rules

PUBLIC = Path(__file__).parent.parent / "public/rules"
MF691, E1550, E353 = UsbId(0x19D2, 0x1201), UsbId(0x12D1, 0x1446), UsbId(0x12D1, 0x1F01)
REALTEK, BROVI = UsbId(0x0BDA, 0x1A2B), UsbId(0x3566, 0x2001)
IDS = [MF691, E1550, E353, REALTEK, BROVI]
CASES = {
    "40-huawei.rules": ("usb_modeswitch", BROVI),
    "60-wlan.rules": ("usb_modeswitch", REALTEK),
    "90-rtl8821CU.rules": ("usb_modeswitch", REALTEK),
    "99-eject.rules": ("eject", REALTEK),
}


def test_the_cases_are_all_there() -> None:
    assert sorted(CASES) == sorted(path.name for path in PUBLIC.iterdir())


@pytest.mark.parametrize("folder", UDEV_FOLDERS)
@pytest.mark.parametrize("as_name", [None, "10-a.rules", "zz.rules"])
@pytest.mark.parametrize("case", CASES)
def test_found_under_any_name_and_in_each_folder(
    case: str, as_name: str | None, folder: str, tmp_path: Path
) -> None:
    root = Root(str(tmp_path))
    name = as_name or case
    root.write(f"{folder}/{name}", (PUBLIC / case).read_bytes())
    (finding,) = inspect(root, layout(root, "/usr/local"), [], [], IDS)
    assert (finding.path, finding.state) == (f"{folder}/{name}", "fighting")
    assert finding.detail.startswith(f"starts {CASES[case][0]} for 1 of 5 IDs, too; to stop it: ")
    cure = finding.detail.partition("to stop it: ")[2]
    assert cure == stop_command(f"{folder}/{name}")
    # The cure can be carried out, and it cures.
    root.write("/etc/udev/rules.d/other", b"")
    done = subprocess.run(
        ["sh", "-c", cure.replace("/etc/udev", f"{tmp_path}/etc/udev")], check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert inspect(root, layout(root, "/usr/local"), [], [], IDS) == []


V = 'ATTR{idVendor}=="19d2"'
P = 'ATTR{idProduct}=="1201"'
HUAWEI_ONLY = 'ATTR{idVendor}!="12d1", GOTO="end"'
RUN = 'RUN+="/usr/sbin/usb_modeswitch -K"'


@pytest.mark.parametrize(
    ("text", "program", "met"),
    [
        (f"{V}, {P}, {RUN}", "usb_modeswitch", [MF691]),
        (f"{V}, \\\n  {P}, \\\n  {RUN}", "usb_modeswitch", [MF691]),
        (
            'ATTRS{idVendor}=="12d1", ATTRS{manufacturer}!="Android", RUN+="usb_modeswitch \'/%k\'"',
            "usb_modeswitch",
            [E1550, E353],
        ),
        (
            'ATTR{idVendor}=="12D1", ATTR{idProduct}=="1f01|14fe", RUN{program}+="/x/y/usb_modeswitch"',
            "usb_modeswitch",
            [E353],
        ),
        (
            'ATTR{idVendor}=="12d1", ATTR{idProduct}=="14*", RUN="usb_modeswitch_dispatcher --x"',
            "usb_modeswitch_dispatcher",
            [E1550],
        ),
        (
            'ENV{ID_VENDOR_ID}=="0bda", ENV{ID_MODEL_ID}=="1a2b", KERNEL=="sr*", RUN+="/bin/eject %N"',
            "eject",
            [REALTEK],
        ),
        (
            'ENV{ID_USB_VENDOR_ID}=="0bda", ENV{ID_USB_MODEL_ID}=="1a2b", RUN+="/usr/bin/eject %N"',
            "eject",
            [REALTEK],
        ),
        ('ENV{PRODUCT}=="bda/1a2b/*", RUN+="/usr/bin/eject -s /dev/sr0"', "eject", [REALTEK]),
        ('ENV{PRODUCT}=="12d1/1f01/102", RUN+="usb_modeswitch"', "usb_modeswitch", [E353]),
        (f"{V}, {P}, RUN+=\"/bin/sh -c 'sleep 3; usb_modeswitch -W || true'\"", "usb_modeswitch", [MF691]),
        (
            f'{V}, {P}, RUN+="/usr/bin/env PATH=/usr/sbin usb_modeswitch -c /etc/x.conf"',
            "usb_modeswitch",
            [MF691],
        ),
        (f'{V}, {P}, PROGRAM=="/usr/bin/sg_raw /dev/sg0 11 06 20"', "sg_raw", [MF691]),
        (
            f'{V}, {P}, RUN+="/opt/venv/bin/python -I -S /opt/x/pymodeswitch/__main__.py --port %k"',
            "pymodeswitch",
            [MF691],
        ),
        (f'{HUAWEI_ONLY}\nATTR{{idProduct}}=="1f01", {RUN}\nLABEL="end"', "usb_modeswitch", [E353]),
        (
            f'{HUAWEI_ONLY}\nRUN+="usb_modeswitch"\nLABEL="end"\nMODE="0666"',
            "usb_modeswitch",
            [E1550, E353],
        ),
        (f'{V}, GOTO="zte"\nGOTO="end"\nLABEL="zte"\n{RUN}\nLABEL="end"', "usb_modeswitch", [MF691]),
        (
            rules([MF691, REALTEK], ["/usr/bin/pymodeswitch"]),
            "pymodeswitch",
            [MF691, REALTEK],
        ),
    ],
)
def test_what_is_started_for_whom(text: str, program: str, met: list[UsbId]) -> None:
    found = starts(f'ACTION!="add", GOTO="the_end"\n{text}\nLABEL="the_end"\n', IDS)
    assert [Start(program, frozenset(met))] == [
        start for start in found if start.program != "eject" or program == "eject"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"# {V}, {P}, {RUN}",
        f'{V}, {P}, MODE="0666"',
        f'{V}, ATTR{{idProduct}}=="1203", {RUN}',
        f'{V}, {P}, ACTION=="remove", {RUN}',
        f'{V}, {P}, RUN{{builtin}}+="kmod load usb_modeswitch"',
        f'{V}, {P}, RUN+="/usr/bin/cdrom_id --eject-media $devnode"',
        f'{V}, {P}, RUN+="/bin/logger -t usb-modeswitch-helper"',
        f'{V}, {P}, ENV{{ID_MODESWITCH}}="usb_modeswitch"',
        'KERNEL=="sr0", RUN+="/usr/bin/eject"',
        f"{P}, {RUN}",
        f'{V}, GOTO="end"\n{P}, {RUN}\nLABEL="end"',
        "",
        'ATTR{idVendor}=="19d2',
        "\\",
    ],
)
def test_what_starts_nothing_for_us(text: str) -> None:
    assert starts(text + "\n", IDS) == []


def test_scripts_and_units_are_followed(tmp_path: Path) -> None:
    """A provider's rule (30-soracom.rules) starts a script; others want a unit."""
    root = Root(str(tmp_path))
    root.write("/usr/local/sbin/setup.sh", b"#!/bin/sh\nexec /usr/sbin/usb_modeswitch -v 19d2 -p 1201 -K\n")
    root.write("/usr/lib/udev/helper", b"#!/bin/sh\neject $1\n")
    root.write(
        "/usr/lib/systemd/system/modem@.service", b"[Service]\nExecStart=/usr/local/sbin/setup.sh %i\n"
    )
    root.write("/etc/systemd/system/direct.service", b"[Service]\nExecStart=-/usr/sbin/usb_modeswitch -K\n")
    root.write("/usr/bin/binary", b"\x7fELF\0usb_modeswitch")
    wanted = {
        'RUN+="/usr/local/sbin/setup.sh %k"': "usb_modeswitch (by /usr/local/sbin/setup.sh)",
        'RUN+="helper %N"': "eject (by /usr/lib/udev/helper)",
        'TAG+="systemd", ENV{SYSTEMD_WANTS}="modem@%k.service"': (
            "usb_modeswitch (by /usr/local/sbin/setup.sh) (by modem@.service)"
        ),
        'TAG+="systemd", ENV{SYSTEMD_WANTS}+="direct.service"': "usb_modeswitch (by direct.service)",
        'RUN+="/bin/systemctl --no-block start direct"': "usb_modeswitch (by direct.service)",
        "RUN+=\"/bin/sh -c 'systemctl restart --no-block modem@%k.service &'\"": (
            "usb_modeswitch (by /usr/local/sbin/setup.sh) (by modem@.service)"
        ),
    }
    for action, program in wanted.items():
        assert starts(f"{V}, {P}, {action}\n", IDS, root) == [Start(program, frozenset([MF691]))], action
    for action in (
        'RUN+="/usr/bin/binary"',
        'RUN+="/none"',
        'ENV{SYSTEMD_WANTS}="none.service"',
        'RUN+="/bin/systemctl stop direct.service"',
        'RUN+="/bin/systemctl start none"',
    ):
        assert starts(f"{V}, {P}, {action}\n", IDS, root) == []


def test_of_two_units_of_a_name_the_one_that_systemd_takes_counts(tmp_path: Path) -> None:
    """The folders in their order (systemd.unit(5)): /etc before /run, and these before packages."""
    root = Root(str(tmp_path))
    text = f'{V}, {P}, TAG+="systemd", ENV{{SYSTEMD_WANTS}}="x.service"\n'

    def found() -> list[str]:
        return [start.program for start in starts(text, IDS, root)]

    folders = ("/usr/lib", "/usr/local/lib", "/run", "/etc")
    for number, folder in enumerate(folders):
        word = "usb_modeswitch" if number % 2 else "eject"
        root.write(f"{folder}/systemd/system/x.service", f"[Service]\nExecStart=/usr/bin/{word}\n".encode())
        assert found() == [f"{word} (by x.service)"], folder
