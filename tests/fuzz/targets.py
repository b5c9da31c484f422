"""The targets: each reads any bytes. Allowed are errors of ours; what else is raised is a finding.

Some also check what has to hold of what was read.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

from pymodeswitch import ModeSwitchError, Settings, UsbId, switch
from pymodeswitch.catalog import sources
from pymodeswitch.catalog.archive import Archive
from pymodeswitch.catalog.catalog import Catalog, read_entry
from pymodeswitch.catalog.openwrt import read_json
from pymodeswitch.catalog.precedence import sources_with_files
from pymodeswitch.command.cli import VERBS, _module, parser_for, with_verb
from pymodeswitch.command.quick_parser import read_quickly
from pymodeswitch.device_files.names import canonical_name, fallback_vendor, name_problem, parse_name
from pymodeswitch.device_files.syntax import parse, write
from pymodeswitch.early import plugged_stick as seen
from pymodeswitch.early.lookup import Table, decide
from pymodeswitch.early.usbfs import Device
from pymodeswitch.host.kernel_events import port_of
from pymodeswitch.host.sysfs import Sysfs, configuration_values, mbim_configuration, parse_interfaces
from pymodeswitch.learning import lesson as lessons
from pymodeswitch.learning.facts import of_capture
from pymodeswitch.learning.learn import learn
from pymodeswitch.modem.findings import findings_of
from pymodeswitch.modem.port_link import ModemPort
from pymodeswitch.modem.state import ask_state
from pymodeswitch.nouns.model import Severity
from pymodeswitch.nouns.run_folder import MARKS
from pymodeswitch.planning.bulk_only import describe_message, parse_cbw, parse_csw
from pymodeswitch.planning.plan import make_plan, typical_device
from pymodeswitch.planning.settings import read_settings
from pymodeswitch.switching.marks import ASKED, FAILED, SENDING, SENT, read_marks
from pymodeswitch.switching.port_state import switches_in, verdict_in
from pymodeswitch.system.foreign_rules import starts
from pymodeswitch.system.installation import Layout, uninstall
from pymodeswitch.system.root import Root
from pymodeswitch.transport.inquiry import parse_inquiry
from pymodeswitch.usb_modeswitch.options import read_request
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691

CORPUS = Path(__file__).parent / "corpus"
STICK = UsbId(0x19D2, 0x1201)

LONGEST_MESSAGE = 4000
OF_A_LINE = ("argv", "drop_in_argv", "modem_port")

TARGETS: dict[str, Callable[[bytes], object]] = {}


def target(function: Callable[[bytes], object]) -> Callable[[bytes], object]:
    TARGETS[function.__name__] = function
    return function


def run(name: str, data: bytes) -> None:
    """Run a target; errors of ours are fine."""
    try:
        TARGETS[name](data)
    except ModeSwitchError as error:
        length = len(str(error))
        # Of his own words a user may be shown more.
        assert length < LONGEST_MESSAGE or name in OF_A_LINE, f"a message of {length} characters"


@cache
def folder() -> str:
    """A folder for one process, in memory where that is possible."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") and "TMPDIR" not in os.environ else None
    return tempfile.mkdtemp(prefix="fuzz-", dir=memory)


def clean_up() -> None:
    """Remove the folder."""
    shutil.rmtree(folder())


def file(name: str, data: bytes) -> str:
    """A file with that content; its path."""
    path = os.path.join(folder(), name)
    with open(path, "wb") as output:
        output.write(data)
    return path


def _device_file(data: bytes, strict: bool) -> None:
    device_file, _ = parse(data, "19d2-1201", strict=strict)
    for way in (device_file, *device_file.modes):
        make_plan(way, typical_device(STICK, way))
    # What names a method is written as it was read.
    again, _ = parse(write(device_file), "19d2-1201", strict=True)
    assert write(again) == write(device_file)


@target
def device_file_strict(data: bytes) -> None:
    """As `lint` and `--config` read it."""
    _device_file(data, strict=True)


@target
def device_file_lenient(data: bytes) -> None:
    """As a switch reads it."""
    parse(data, "19d2-1201")


@target
def archive(data: bytes) -> None:
    """A configPack.tar.gz, as it is; and as an import reads it."""
    path = file("configPack.tar.gz", data)
    catalog = Catalog((folder(),))
    for candidate in catalog.candidates(STICK):
        read_entry(candidate)
    for name in Archive(path, any_packer=True).places:
        parse_name(name)


@target
def tar(data: bytes) -> None:
    """What is in one: the packer's check sum would keep most inputs out."""
    found = Archive(file("packed", gzip.compress(data, 1)))
    for name in found.places:
        assert "/" not in name
        assert len(found.read(name, 100)) <= 100


@target
def json(data: bytes) -> None:
    """OpenWrt's usb-mode.json."""
    for name, device_file in read_json(data, "usb-mode.json").device_files:
        assert parse_name(name) is not None
        assert "/" not in name
        write(device_file)


@target
def settings(data: bytes) -> None:
    """pymodeswitch.conf."""
    found = read_settings(file("pymodeswitch.conf", data), ())
    assert 1 <= found.switches_per_minute <= 60


@target
def usb_modeswitch_conf(data: bytes) -> None:
    """usb_modeswitch.conf."""
    found = read_settings("/nonexistent", (file("usb_modeswitch.conf", data),))
    assert found.storage_delay_s is None or 1 <= found.storage_delay_s <= 60


@target
def name(data: bytes) -> None:
    """Names of device files."""
    text = os.fsdecode(data)
    parsed = parse_name(text)
    fallback_vendor(text)
    assert len(name_problem(text)) < 500
    if parsed is not None:
        canonical = canonical_name(*parsed)
        assert parse_name(canonical) == parsed
        assert canonical == os.path.basename(canonical)
        assert len(os.fsencode(canonical)) <= 255


@target
def port_state(data: bytes) -> None:
    """The file of a port below /run."""
    lines = data.decode("utf-8", "replace").splitlines()
    verdict_in(lines)
    switches_in(lines)


@target
def descriptors(data: bytes) -> None:
    """Raw descriptors, as sysfs has them."""
    values = configuration_values(data)
    mbim = mbim_configuration(data)
    assert mbim is None or mbim in values
    for value in {0, 1, *values}:
        for number, *_ in parse_interfaces(data, value):
            assert 0 <= number <= 255


@target
def answers(data: bytes) -> None:
    """Answers of a stick: INQUIRY data, a CSW, and a CBW of ours as it is described."""
    parse_inquiry(data)
    parse_csw(data)
    parse_cbw(data)
    describe_message(data)


@target
def stick(data: bytes) -> None:
    """A stick that answers each read with that; it does not react."""
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    attached = bus.plug(mf691(leave=None))
    backend.alter_read = lambda answer: data[: len(answer)]
    try:
        switch(0x19D2, 0x1201, backend=backend, timeout=1, settings=Settings(), data=())
    finally:
        assert attached.drivers == {0: "usb-storage"}


@target
def uevent(data: bytes) -> None:
    """A message of the kernel's socket."""
    port_of(data)


FILES = (
    *("descriptors", "busnum", "devnum", "bConfigurationValue", "manufacturer", "product", "serial"),
    *("bDeviceClass",),
)
BELOW = (
    *("host2/scsi_host/host2/host_busy", "host2/scsi_host/host2/state", "tty/ttyACM0/dev"),
    *("host2/target2:0:0/2:0:0:0/vendor", "host2/target2:0:0/2:0:0:0/model"),
    *("host2/target2:0:0/2:0:0:0/rev", "host2/target2:0:0/2:0:0:0/scsi_generic/sg0/dev", "ep_81/type"),
)


def tree(data: bytes) -> str:
    """A tree of sysfs with one device; its files are what stands between bytes of 0xFE."""
    root = os.path.join(folder(), "sys")
    device = os.path.join(root, "bus/usb/devices/1-1")
    interface = os.path.join(root, "bus/usb/devices/1-1:1.0")
    parts = data.split(b"\xfe")
    paths = [f"{device}/{name}" for name in FILES] + [f"{interface}/{name}" for name in BELOW]
    for number, path in enumerate(paths):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as output:
            output.write(parts[number] if number < len(parts) else b"")
    return root


@target
def sysfs(data: bytes) -> None:
    """A device as sysfs has it."""
    found_there = Sysfs(tree(data))
    for found in found_there.devices():
        found.describe()
        found_there.nodes(found)
        found_there.scsi_strings(found)
        found_there.storage_units(found)
        found_there.storage_command(found)
        found_there.has_interrupt(found, 0)
        Catalog(()).choose(found)


LINES = (
    "19d2:*\t/x\tcontrol=64,11,1,first,0 reset\tmbim\tactive=2",
    "19d2:1201\t/x\tdetach claim=first out=first,first,55534243 status=first,first,13,2\tuMa=ZTE\tneeds=2",
    "19d2:1201\t/x\tclear=first,first,bulk_in wait=0 release=first\tuPr=?\tuSe=1\talready=ff",
    "19d2:1201\t/x\tset-configuration=2 set-interface=first,1 out=first,first,00\tstorage=first\tpartly=3",
)


@target
def sender_stick(data: bytes) -> None:
    """The same as the sender sees it, up to what the kernel would be asked for."""
    root = tree(data)
    path = file("lines", "".join(f"{line}\n" for line in ("table 1 10", *sorted(LINES))).encode())
    os.chmod(path, 0o644)
    seen.CONFIGURED_S = 0  # nobody goes on with enumerating it
    try:
        stick = seen.PluggedStick(root, "1-1")
    except (OSError, ValueError):  # one that has left
        return
    stick.is_busy()
    assert stick.connector == "1-1"
    table = Table(path)
    try:
        decide(stick, table)
        for _, steps, *_ in table.lines("19d2:1201") + table.lines("19d2:*"):
            Device(stick, -1, lambda node, code, request: 0).carry_out(steps.split())
    finally:
        table.close()


def words(data: bytes) -> list[str]:
    return [os.fsdecode(word) for word in data.split(b"\0")]


@target
def argv(data: bytes) -> None:
    """The command's words, up to what a verb gets to see; nothing is carried out."""
    line = with_verb(words(data))
    verb = line[0]
    if verb not in VERBS:
        return
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            options = read_quickly(_module(verb).arguments, line[1:]) or _parser(verb).parse_args(line[1:])
        except SystemExit:  # --help
            return
    given = getattr(options, "id", None)
    if given is not None:
        UsbId.parse(given)


@cache
def _parser(verb: str) -> ArgumentParser:
    return parser_for(verb)


@target
def drop_in_argv(data: bytes) -> None:
    """The words of usb_modeswitch; the last one is its standard input."""
    *line, text = words(data)
    if any(word.startswith(("-c", "--c")) for word in line):
        return  # a path of this computer
    request = read_request(line, lambda: os.fsencode(text))
    assert request.check_s >= 0


@target
def modem_port(data: bytes) -> None:
    """What udev says is a serial port."""
    ModemPort(os.fsdecode(data), os.path.join(folder(), "sys"))


@target
def udev_rules(data: bytes) -> None:
    """Rules of others that are looked through."""
    for start in starts(data.decode("utf-8", "replace"), [STICK], Root(folder())):
        assert start.ids <= {STICK}


@target
def sender_table(data: bytes) -> None:
    """The table that the sender looks into: what it cannot read, it leaves to the judge."""
    path = file("table", data)
    os.chmod(path, 0o644)
    try:
        table = Table(path)
    except (OSError, ValueError):
        return
    try:
        table.is_of_today()
        for _, steps, *_ in table.lines("19d2:1201"):
            steps.split()
    except ValueError:
        pass
    finally:
        table.close()


@target
def mark(data: bytes) -> None:
    """What the sender is said to have left for the judge."""
    os.makedirs(os.path.join(folder(), MARKS), exist_ok=True)
    file(f"{MARKS}/1-1", data)
    for found in read_marks(folder()):
        assert found.device.port == "1-1"
        assert found.state in (ASKED, SENDING, SENT, FAILED)


@target
def capture(data: bytes) -> None:
    """A capture of `learn`, of any kind; what is learned from it is printed as a device file."""
    learned = learn(file("capture", data))
    for lesson in learned.lessons:
        printed = lessons.text(lesson, learned.info)
        lessons.data(lesson, learned.info)
        of_capture(learned, lesson)
        _, diagnostics = parse(printed, strict=True)
        assert not [one for one in diagnostics if one.severity is Severity.ERROR], printed


@target
def capture_zipped(data: bytes) -> None:
    """What is in a zipped one: the packer's check sum would keep most inputs out."""
    capture(gzip.compress(data, 1))


class Modem:
    """A serial line: to each question but the first it says what stands between bytes of 0xFE."""

    def __init__(self, data: bytes) -> None:
        self._size = 1 + (data[0] if data else 0)  # bytes at a time
        self._answers = iter((b"", *data[1:].split(b"\xfe")))
        self._said, self._at = b"", 0

    def send(self, data: bytes, seconds: float) -> None:
        self._said, self._at = next(self._answers, b"") + b"\r\nOK\r\n", 0

    def receive(self, seconds: float) -> bytes:
        self._at += self._size
        return self._said[self._at - self._size : self._at] or b"\r\nOK\r\n"


@target
def modem_answers(data: bytes) -> None:
    """What a modem says to AT commands."""
    state = ask_state(Modem(data))
    assert findings_of(state, "/dev/ttyACM0")
    assert state.dbm is None or -113 <= state.dbm <= -51


@target
def packs_index(data: bytes) -> None:
    """The index of folders in other packages."""
    before, sources.PACKS_INDEX = sources.PACKS_INDEX, file("packs", data)
    try:
        found = sources.pack_folders()
        sources_with_files(Catalog(found))
    finally:
        sources.PACKS_INDEX = before
    assert all(os.path.isabs(path) for path in found)


@target
def installed_list(data: bytes) -> None:
    """The list of what is installed below a root: what leads out of it stays."""
    outside, root = file("outside", b"x"), os.path.join(folder(), "root")
    os.makedirs(root, exist_ok=True)
    file("root/installed", data)
    try:
        uninstall(Root(root), Layout("/rules", "/units", "/share", "/installed"), force=True)
    finally:
        assert os.path.exists(outside)
