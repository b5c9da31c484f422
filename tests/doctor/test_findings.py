"""Each finding: it appears where it should, and stays away from a healthy computer."""

from __future__ import annotations

import os

import pytest

from pymodeswitch import Port, UsbId
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.doctor import KINDS, Finding, Level
from pymodeswitch.transport.hanging_driver import HANGS_S
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.doctor.scenes import (
    DEVICE,
    MODULES,
    RULES,
    SCENES,
    SCSI_HOST,
    THEIRS,
    UNITS,
    Scene,
    container,
    hang,
    plug_modem,
    said,
    with_systemd,
)
from tests.doctor.tree import PORT, Tree
from tests.support import CHECKOUT

DOCS = CHECKOUT / "docs/doctor.md"


def spoiled(scene: Scene, request: pytest.FixtureRequest) -> Tree:
    tree: Tree = request.getfixturevalue(scene.start)
    scene.spoil(tree)
    return tree


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.name}: {scene.text[:30]}")
def test_it_appears(scene: Scene, request: pytest.FixtureRequest, catalog: Catalog) -> None:
    tree = spoiled(scene, request)
    found = [finding for finding in tree.findings(catalog=catalog) if finding.name == scene.name]
    assert any(scene.text in finding.text for finding in found), found
    if scene.cure is not None:
        assert scene.cure in [finding.cure for finding in found]


@pytest.mark.parametrize("start", ["tree", "stick", "modem"])
def test_a_healthy_computer_has_nothing_to_cure(
    start: str, request: pytest.FixtureRequest, catalog: Catalog
) -> None:
    tree: Tree = request.getfixturevalue(start)
    findings = [f for f in tree.findings(catalog=catalog) if f.name not in OF_THIS_PYTHON]
    assert [f for f in findings if f.level is not Level.OK or f.cure] == []


# Their tests are in test_python.py.
OF_THIS_PYTHON = {"changeable", "compiled", "not-compiled", "libusb", "libusb-needs-udev", "no-libusb"}
# Shown below, each by a test of its own.
SHOWN_APART = {
    *("no-permission", "holders-unseen", "not-attached", "device-locked", "switched-too-often"),
    *("settings-bad", "switching-off", "device-file-bad", "device-file-misnamed", "device-file-masks"),
}


def test_each_finding_is_shown() -> None:
    assert {scene.name for scene in SCENES} | SHOWN_APART | OF_THIS_PYTHON == KINDS.keys()


def names(tree: Tree, catalog: Catalog, **options: object) -> list[str]:
    return [finding.name for finding in tree.findings(catalog=catalog, **options)]  # type: ignore[arg-type]


def of(name: str, findings: tuple[Finding, ...]) -> Finding:
    (finding,) = [finding for finding in findings if finding.name == name]
    return finding


def test_without_root(stick: Tree, catalog: Catalog) -> None:
    stick.forbidden.add("/dev/bus/usb/001/002")
    findings = stick.findings(catalog=catalog, user=1000)
    assert "cannot be seen" in of("holders-unseen", findings).text
    rule = of("no-permission", findings).cure
    assert rule == 'SUBSYSTEM=="usb", ATTR{idVendor}=="19d2", ATTR{idProduct}=="1201", TAG+="uaccess"'


def test_past_the_device_node(stick: Tree, catalog: Catalog) -> None:
    """What bars the device node need not bar those of the CD-ROM."""
    stick.forbidden.add("/dev/bus/usb/001/002")
    assert "can go through" not in of("denied", stick.findings(catalog=catalog)).text
    stick.write("/dev/sr0")
    stick.write("/dev/sg1")
    stick.forbidden.add("/dev/sr0")
    text = of("denied", stick.findings(catalog=catalog)).text
    assert text.endswith("; plain SCSI commands such as an eject can go through /dev/sg1")


def test_root_without_its_rights(stick: Tree, catalog: Catalog) -> None:
    stick.forbidden.add("/dev/bus/usb/001/002")
    stick.write("/proc/self/status", "CapEff:\t0000000000000000\n")
    assert "CAP_DAC_OVERRIDE" in of("no-permission", stick.findings(catalog=catalog)).text


@pytest.mark.parametrize(
    ("usb_id", "port", "text"),
    [
        ("1234:5678", None, "neither 1234:5678 nor one of its targets is attached"),
        ("19d2:1201", "1-2", "neither 19d2:1201 nor one of its targets is attached to port 1-2"),
        (None, "1-2", "nothing is attached to port 1-2"),
    ],
)
def test_not_attached(
    stick: Tree, catalog: Catalog, usb_id: str | None, port: str | None, text: str
) -> None:
    wanted = None if usb_id is None else UsbId.parse(usb_id)
    found = of("not-attached", stick.findings(wanted, port and Port(port), catalog=catalog))
    assert text in found.text
    assert found.level is Level.PROBLEM


def test_the_initial_id_finds_the_switched_stick(modem: Tree, catalog: Catalog) -> None:
    found = modem.findings(UsbId(0x19D2, 0x1201), catalog=catalog)
    assert of("switched", found).subject == "19d2:1203 on port 1-1"
    assert "not-attached" not in {finding.name for finding in found}


def test_what_is_no_stick_is_looked_at_only_when_asked_for(tree: Tree, catalog: Catalog) -> None:
    """A mouse, and a memory stick that shows a disk and no CD-ROM."""
    plug_modem(tree, 0x046D, 0xC077, (3, 1, 2))
    tree.plug(Identity(0x0781, 0x5567, (Configuration((Interface(0, 8, 6, 80),)),)), "1-2", number=3)
    tree.storage("1-2:1.0", kind=0, disks={"sda": "8:0"})
    assert {f.subject for f in tree.findings(catalog=catalog)} == {"system"}
    assert "unknown-stick" in names(tree, catalog, port=Port("1-2"))
    assert "permitted" in names(tree, catalog, port=Port("1-1"))


def test_mounted_partitions(stick: Tree, catalog: Catalog) -> None:
    unit = f"{DEVICE}:1.0/host2/target2:0:0/2:0:0:0"
    stick.write(f"{unit}/block/sda/dev", "8:0\n")
    stick.write(f"{unit}/block/sda/sda1/dev", "8:1\n")
    stick.write(
        "/proc/self/mountinfo", "40 22 8:1 / /mnt rw - vfat /dev/sda1 rw\n41 22 8:17 / /data rw - x\n"
    )
    assert of("mounted", stick.findings(catalog=catalog)).text == "/dev/sda1 is mounted on /mnt"


def test_a_moment_in_the_kernel_is_no_hang(stick: Tree, catalog: Catalog) -> None:
    """No command under way; commands that come and go; a process that waits no longer."""
    hang(stick)
    assert "storage-hangs" in names(stick, catalog)
    stick.write(f"{SCSI_HOST}/host_busy", "0\n")
    assert "storage-hangs" not in names(stick, catalog)
    hang(stick)
    computer, ended = stick.computer(), iter(range(5, 10_000))
    sleep = computer.sleep

    def answered(seconds: float) -> None:
        sleep(seconds)
        stick.write(f"{DEVICE}:1.0/host2/target2:0:0/2:0:0:0/iodone_cnt", f"{next(ended):#x}\n")

    computer.sleep = answered
    assert "storage-hangs" not in {finding.name for finding in stick.findings(catalog=catalog, at=computer)}
    computer = stick.computer()
    computer.sleep = lambda _seconds: stick.process(9, "kworker/u4:0", "S")
    assert computer.waiting == ()


def test_the_doctor_waits_as_long_as_a_switch(stick: Tree, catalog: Catalog) -> None:
    """By the same rule: what is told of here is what a switch cuts off."""
    hang(stick)
    stick.remove("/proc/9")
    computer = stick.computer()
    assert "storage-hangs" in {finding.name for finding in stick.findings(catalog=catalog, at=computer)}
    assert HANGS_S <= computer.clock() < HANGS_S + 0.2


def test_a_scan_that_never_answered(stick: Tree, catalog: Catalog) -> None:
    """There is a SCSI host and no unit yet. Without root no stack can be read."""
    stick.remove(f"{DEVICE}:1.0/host2/target2:0:0")
    assert "storage-hangs" not in names(stick, catalog)
    stick.write(f"{SCSI_HOST}/host_busy", "1\n")
    stick.process(9, "usb-storage", "D")
    found = of("storage-hangs", stick.findings(catalog=catalog, user=1000))
    assert found.text == (
        "the storage driver hangs in a command that the stick does not answer "
        "(usb-storage waits in the kernel); unplug the stick"
    )
    assert found.cure is None  # a kernel whose ports cannot be switched off


@pytest.mark.parametrize(
    "name", ["usb-storage", "scsi_eh_2", "kworker/u4:0+events_unbound", "(udev-worker)"]
)
def test_who_hangs_with_a_storage_driver(stick: Tree, catalog: Catalog, name: str) -> None:
    """Without root no stack can be read; what waits for something else altogether is not named."""
    hang(stick)
    stick.process(9, "kworker/u4:0+events_unbound", "D", stack="[<0>] ext4_writepages+0x1/0x2")
    stick.process(10, "tar", "D")
    assert "waits in the kernel" not in of("storage-hangs", stick.findings(catalog=catalog)).text
    stick.process(11, name, "D")
    assert f"({name} waits in the kernel)" in of("storage-hangs", stick.findings(catalog=catalog)).text


def test_a_program_that_waits_for_the_storage_itself(stick: Tree, catalog: Catalog) -> None:
    """Also on a node that is gone already."""
    hang(stick)
    stick.remove("/proc/9")
    stick.process(9, "blkid", "D", opens=["/dev/sr0 (deleted)"])
    found = stick.findings(catalog=catalog)
    assert "blkid waits in the kernel" in of("storage-hangs", found).text
    assert of("storage-open", found).text == "blkid (process 9) has /dev/sr0 open"


def test_a_device_that_the_kernel_keeps_locked(
    stick: Tree, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it does not come back: a pipe that nobody writes."""
    stick.remove(f"{DEVICE}/descriptors")
    os.mkfifo(stick.at(f"{DEVICE}/descriptors"))
    monkeypatch.setattr("pymodeswitch.doctor.LOOK_S", 0.05)
    found = of("device-locked", stick.findings(catalog=catalog))
    assert found.subject == "port 1-1"
    with stick.at(f"{DEVICE}/descriptors").open("wb"):
        pass  # the reader ends


def test_switched_too_often(stick: Tree, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    said(stick, *(f"switch {990 + number}.5" for number in range(5)))
    found = of("switched-too-often", stick.findings(catalog=catalog))
    assert "switched 5 times within a minute: not again for 50 s" in found.text
    said(stick, *(f"switch {900 + 20 * number}.5" for number in range(5)))
    assert "switched-too-often" not in names(stick, catalog)


def test_a_verdict_on_the_stick_before(stick: Tree, catalog: Catalog) -> None:
    """What was said before this one was plugged in, is not said of it; nor is what went well."""
    said(stick, "verdict 2.0 11 unchanged")
    stick.write(f"{DEVICE}/power/connected_duration", "1000\n")
    assert "last-run-failed" not in names(stick, catalog)
    stick.write(f"{DEVICE}/power/connected_duration", f"{10**12}\n")
    assert "last-run-failed" in names(stick, catalog)
    said(stick, "verdict 2.0 0 switched")
    assert "last-run-failed" not in names(stick, catalog)


def test_containers_get_their_own_cures(stick: Tree, catalog: Catalog) -> None:
    container(stick)
    stick.forbidden.add("/dev/bus/usb/001/002")
    assert "docker run" in (of("denied", stick.findings(catalog=catalog)).cure or "")
    stick.remove("/dev/bus/usb/001/002")
    assert "docker run" in (of("no-node", stick.findings(catalog=catalog)).cure or "")
    stick.remove("/dev/bus")
    assert "docker run -v /dev/bus/usb" in (of("no-usb-nodes", stick.findings(catalog=catalog)).cure or "")
    stick.remove("/lib/modules")
    assert "/lib/modules" in (of("no-modules", stick.findings(catalog=catalog)).cure or "")
    stick.remove("/sys/bus")
    assert "container" in of("no-sysfs", stick.findings(catalog=catalog)).text


def test_an_upgraded_kernel(stick: Tree, catalog: Catalog) -> None:
    stick.remove(MODULES)
    stick.folder("/lib/modules/6.1.0-45-amd64")
    assert of("no-modules", stick.findings(catalog=catalog)).cure == "reboot"
    stick.write("/proc/modules", "")  # all is built in
    assert "no-modules" not in names(stick, catalog)


@pytest.mark.parametrize(
    ("rules", "settings", "blocked"),
    [
        ("allow id 19d2:1203\n", "", False),
        ('allow id 19D2:* serial "1"\n', "", False),
        ("allow with-interface one-of { 02:*:* }\n", "", False),
        ('allow id 1d6b:0002 name "19d2:1203"\nblock id 19d2:1203\n', "", True),
        ("", "ImplicitPolicyTarget=allow\n", False),
        ("", "ImplicitPolicyTarget=block\n", True),
    ],
)
def test_usbguard_rules(stick: Tree, catalog: Catalog, rules: str, settings: str, blocked: bool) -> None:
    stick.process(70, "usbguard-daemon")
    stick.write("/etc/usbguard/rules.d/10.conf", rules)
    stick.write("/etc/usbguard/usbguard-daemon.conf", settings)
    assert ("target-not-authorized" in names(stick, catalog)) is blocked


def test_usbguard_blocks_the_stick(stick: Tree, catalog: Catalog) -> None:
    stick.process(70, "usbguard-daemon")
    stick.write(f"{DEVICE}/authorized", "0\n")
    assert (
        of("not-authorized", stick.findings(catalog=catalog)).cure == "usbguard allow-device 'id 19d2:1201'"
    )


def test_rules_without_ours(tree: Tree, catalog: Catalog) -> None:
    """Those of usb_modeswitch alone are no fight, nor are masked ones."""
    path = "/usr/lib/udev/rules.d/40-usb_modeswitch.rules"
    tree.write(path, THEIRS)
    tree.link("/etc/udev/rules.d/40-usb_modeswitch.rules", "/dev/null")
    assert "rules-fight" not in names(tree, catalog)
    tree.remove("/etc/udev/rules.d/40-usb_modeswitch.rules")
    tree.remove(RULES)
    found = tree.findings(catalog=catalog)
    assert path in of("no-rules", found).text
    assert "rules-fight" not in {finding.name for finding in found}


def test_units_are_needed_where_systemd_runs(tree: Tree, catalog: Catalog) -> None:
    """And nowhere else: there the sender starts the judge."""
    tree.install()
    with_systemd(tree)
    found = [f for f in tree.findings(catalog=catalog) if f.name not in OF_THIS_PYTHON]
    assert [f.name for f in found if f.level is not Level.OK] == []
    tree.remove("/run/systemd")
    tree.remove(UNITS)
    assert "unit-missing" not in names(tree, catalog)


def test_hostile_files(stick: Tree, catalog: Catalog) -> None:
    """Garbage everywhere: no exception, and each text is one line."""
    garbage = b"\0\xff\n)( ::: \\999 999999999999999999999 " * 50
    paths = [
        *(
            "/proc/self/mountinfo",
            "/proc/swaps",
            "/proc/cmdline",
            "/proc/self/status",
            "/proc/self/uid_map",
        ),
        *("/proc/666/stat", "/proc/1/environ", "/etc/os-release", "/etc/modprobe.d/x.conf"),
        *(f"{MODULES}/modules.alias", f"{MODULES}/modules.dep", f"{MODULES}/modules.builtin.modinfo"),
        *("/etc/usbguard/rules.conf", f"/run/pymodeswitch/{PORT}", f"{SCSI_HOST}/state"),
        *("/sys/module/usb_storage/parameters/quirks", f"{DEVICE}/power/connected_duration"),
        *(f"{DEVICE}:1.0/modalias", f"{SCSI_HOST}/host_busy"),
        *(f"{DEVICE}/power/control", f"{DEVICE}/authorized"),
    ]
    for path in paths:
        stick.write(path, garbage)
    stick.process(7, "evil\nname", opens=["/dev/sr0"])
    stick.process(70, "usbguard-daemon")
    stick.folder("/proc/71/stat")
    stick.link("/proc/72", "/proc/72")
    for finding in stick.findings(catalog=catalog):
        assert finding.text.isprintable(), finding
        assert finding.cure is None or finding.cure.isprintable()


def test_nothing_can_be_read(stick: Tree, catalog: Catalog) -> None:
    """Only an empty root: as on a system that is no Linux."""
    stick.remove("/")
    stick.folder("/")
    found = {finding.name for finding in stick.findings(catalog=catalog)} - OF_THIS_PYTHON
    assert found == {"no-sysfs", "no-udev", "device-file-masks"}


def test_the_table_in_the_documentation() -> None:
    rows = [f"| `{name}` | {kind.level.value} | {kind.meaning} |" for name, kind in KINDS.items()]
    text = DOCS.read_text()
    table = [line for line in text.splitlines() if line.startswith("| `")]
    assert table == rows, "\n".join(rows)


def test_autosuspend_with_a_delay_below_zero_never_comes(stick: Tree, catalog: Catalog) -> None:
    """usbcore.autosuspend=-1 shows as -1000."""
    stick.write(f"{DEVICE}/power/control", "auto\n")
    assert "autosuspend" in names(stick, catalog)
    stick.write(f"{DEVICE}/power/autosuspend_delay_ms", "-1000\n")
    assert "autosuspend" not in names(stick, catalog)
