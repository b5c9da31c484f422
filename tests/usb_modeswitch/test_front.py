"""The command with the options of usb_modeswitch, on virtual sticks: traffic, lines, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import DeviceFile, DeviceFileError, UsageError, UsbId
from pymodeswitch.host.linux import default_host
from pymodeswitch.usb_modeswitch import front
from pymodeswitch.usb_modeswitch.options import OPTIONS, BadOption, DropInRequest, read_request
from pymodeswitch.usb_modeswitch.report_line import DropInResult, report
from pymodeswitch.virtual import Leave, Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from tests.behaviour.test_recorded_traffic import LinuxBackend
from tests.support import CHECKOUT
from tests.support.differences import expected
from tests.support.traffic import EXTRA, PUBLIC, Case, extra_cases, load, shipped_cases

RECORD = load(PUBLIC) | load(EXTRA)
CASES = [case for case in shipped_cases() + extra_cases() if RECORD[case.name].exit_code is not None]
EJECT = "5553424397654321000000000000061b000000020000000000000000000000"
IDS = ["-v", "19d2", "-p", "1201"]
TARGET = ["-V", "19d2", "-P", "1203"]
TEXT = "DefaultVendor=19d2\nDefaultProduct=1201\nTargetVendor=19d2\nTargetProduct=1203\nStandardEject=1\n"


class Run:
    """Runs the command on a virtual bus; out and err are what it said."""

    def __init__(
        self, bus: VirtualBus, backend: VirtualBackend, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.bus = bus
        self.host = default_host(backend)
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        code = front.main(words, self.host)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def run(bus: VirtualBus, backend: VirtualBackend, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(bus, backend, capsys)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_recorded(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """The dispatcher's command line for every public entry: the same traffic, line and exit code."""
    bus = VirtualBus()
    stick = case.stick()
    bus.plug(stick)
    run = Run(bus, LinuxBackend(bus), capsys)
    (device,) = run.host.devices()
    several = len(stick.identity.configurations) > 1
    stick.start()
    code = run(
        *("-Q", "-D", *(() if several else ("-u", "-1"))),
        *("-b", str(device.bus), "-g", str(device.device_number)),
        *("-v", case.file_name[:4], "-p", case.file_name[5:9], "-f", case.text),
    )
    recorded = RECORD[case.name]
    # "second message alone" is refused by the library; here it does nothing, as there.
    trace = expected(case.name, recorded) or ()
    # -11: the reference crashes on a Sony that does not leave.
    assert (tuple(stick.trace), code, run.out.strip()) == (
        trace,
        max(0, recorded.exit_code or 0),
        recorded.report,
    )


# What it says


def test_success(run: Run) -> None:
    run.bus.plug(mf691())
    assert run(*IDS, *TARGET, "-K", "-s", "20", "-D") == 0
    first, last = run.out.splitlines()
    assert first.startswith("19d2:1201 on port 1-1 switched to 19d2:1203 in ")
    assert last == "ok:no_data"
    assert run.err == ""


def test_failure_is_told_truly(run: Run) -> None:
    """A stick that stays: tried once, as there, and exit code 0 all the same."""
    run.bus.plug(mf691(leave=None))
    assert run(*IDS, *TARGET, "-K", "-s", "4", "-D") == 0
    assert run.out == "fail:\n"
    assert run.err == "pymodeswitch: 19d2:1201 on port 1-1 is unchanged after 4 s; tried once\n"


def test_a_lie_for_scripts_is_the_truth_in_words(run: Run) -> None:
    """The reference takes a stick that has left for switched, when no target is given."""
    run.bus.plug(mf691(leave=Leave(None)))
    assert run(*IDS, "-K", "-s", "4", "-D") == 0
    assert run.out == "ok:no_data\n"
    assert "left and did not come back within 4 s" in run.err


def test_another_target_than_the_one_named(run: Run) -> None:
    run.bus.plug(mf691())
    assert run(*IDS, "-V", "19d2", "-P", "9999", "-K", "-s", "4", "-D") == 0
    assert "switched to 19d2:1203" in run.out
    assert run.out.endswith("fail:\n")
    assert "19d2:1203 (class 0x02) is not among the targets" in run.err


def test_quiet_prints_the_line_alone(run: Run) -> None:
    run.bus.plug(mf691(leave=None))
    assert run(*IDS, *TARGET, "-K", "-s", "4", "-D", "-Q") == 0
    assert (run.out, run.err) == ("fail:\n", "")


def test_verbose_tells_settings_and_steps(run: Run) -> None:
    """And nothing in it looks like the line that scripts search for."""
    run.bus.plug(mf691())
    assert run(*IDS, *TARGET, "-W", "-D", "-M", EJECT, "-s", "9") == 0
    assert "TargetProduct=0x1203\n" in run.out
    assert f'MessageContent="{EJECT}"' in run.out
    assert "try 1: MessageContent" in run.out
    lines = run.out.splitlines()
    assert [line for line in lines if "ok:" in line or "fail:" in line] == ["ok:no_data"]


def test_without_sysmode_and_time_nobody_waits(run: Run) -> None:
    run.bus.plug(mf691())
    assert run(*IDS, "-K") == 0
    assert run.out == "19d2:1201 on port 1-1: message sent, not waiting for what comes of it\n"


def test_the_first_of_several(run: Run) -> None:
    sticks = [mf691(), mf691()]
    run.bus.plug(sticks[0], "1-2")
    run.bus.plug(sticks[1], "1-1")
    assert run(*IDS, "-K", "-s", "5") == 0
    assert "2 devices 19d2:1201 are attached, on the ports 1-1, 1-2: taking the first one" in run.out
    assert [stick.mode_index for stick in sticks] == [0, 1]


def test_by_bus_and_device_number(run: Run) -> None:
    sticks = [mf691(), mf691()]
    for stick, port in zip(sticks, ("1-1", "1-2"), strict=True):
        run.bus.plug(stick, port)
    device = run.host.devices()[1]
    place = ("-b", str(device.bus), "-g", str(device.device_number))
    assert run(*IDS, "-K", "-D", *place) == 0
    assert run.out.endswith("ok:busdev\n")
    run.bus.clock.sleep(1)
    assert [stick.mode_index for stick in sticks] == [0, 1]
    assert run(*IDS, "-K", "-D", *place) == 0, "that number is gone"
    assert run.out == (
        f"19d2:1201 with the number {device.bus:03d}/{device.device_number:03d} is not attached: "
        "nothing to do\n"
    )


def test_in_its_target_class_already(run: Run) -> None:
    run.bus.plug(Stick([modem_mode(0x19D2, 0x1201)]))
    assert run(*IDS, "-C", "02", "-K", "-D", "-s", "3") == 0
    assert "nothing to do" in run.out
    assert "ok:" not in run.out


def test_no_method(run: Run) -> None:
    run.bus.plug(mf691())
    assert run(*IDS, "-2", EJECT, "-D", "-s", "3") == 0
    assert "no switching method for 19d2:1201" in run.err
    assert run.out == "fail:\n"


def test_busy(run: Run) -> None:
    run.bus.plug(mf691()).taken.add(0)
    (device,) = run.host.devices()
    assert run(*IDS, "-K", "-D", "-b", "1", "-g", str(device.device_number)) == 0
    assert "is busy" in run.err
    assert run.out == "ok:busdev\n", "as there: whoever called it looks at the port"
    assert run(*IDS, "-K", "-D", "-s", "3") == 0
    assert run.out == "fail:\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-K", "-i", "3"], "Interface=0x03"),
        (["-M", "0011", "-C", "ff"], "no bulk OUT endpoint"),
        (["-K"], "not mass storage"),
    ],
)
def test_what_cannot_be_done(words: list[str], message: str, run: Run) -> None:
    run.bus.plug(Stick([modem_mode(0x19D2, 0x1201)]) if "-i" not in words else mf691())
    assert run(*IDS, *words, "-D") == 1
    assert message in run.err
    assert run.err.count("\n") == 1
    assert run.out == ""


def test_settings_that_cannot_be_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end, before anything is sent; what they say of modes does not count here."""
    settings = tmp_path / "pymodeswitch.conf"
    monkeypatch.setattr("pymodeswitch.planning.settings.PATH", str(settings))
    stick = mf691()
    run.bus.plug(stick)
    settings.write_text("bogus = 1\n")
    assert run(*IDS, "-K", "-D") == 1
    assert "unknown key 'bogus'" in run.err
    assert stick.mode_index == 0
    settings.write_text('[modes]\n"19d2:1201" = "nonsense"\n')
    assert run(*IDS, "-K", "-D", "-s", "9") == 0
    assert stick.mode_index == 1


def test_mbim_configuration(run: Run) -> None:
    from pymodeswitch.virtual import Mode, two_configurations
    from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface

    mbim = Mode(Identity(0x19D2, 0x1201, (Configuration((Interface(0, 0x02, 0x0E),)),)))
    assert (run(*IDS, "-j"), run.out) == (0, "0\n")
    run.bus.plug(mf691(), "1-1")
    assert (run(*IDS, "-j"), run.out) == (0, "-1\n")
    run.bus.unplug("1-1")
    run.bus.plug(two_configurations(0x19D2, 0x1201, mbim), "1-1")
    assert (run(*IDS, "-j", "-Q"), run.out) == (0, "2\n")
    run.bus.unplug("1-1")
    run.bus.plug(Stick([mbim]), "1-1")
    assert (run(*IDS, "-j", "-Q"), run.out) == (0, "1\n")


def test_syslog_notice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import syslog

    said: list[Any] = []
    monkeypatch.setattr(syslog, "openlog", said.append)
    monkeypatch.setattr(syslog, "syslog", lambda priority, text: said.append((priority, text)))
    run.bus.plug(mf691())
    run(*IDS, "-K", "-s", "20")
    assert said == [], "only with -D"
    run.bus.plug(mf691(), "1-2")
    run(*IDS, "-K", "-s", "20", "-D")
    (device,) = [d for d in run.host.devices() if d.port == "1-2"]
    number = f"{device.bus:03d}/{device.device_number:03d}"
    assert said == ["usb_modeswitch", (syslog.LOG_NOTICE, f"switched to 19d2:1203 on {number}")]
    monkeypatch.setitem(sys.modules, "syslog", None)
    run.bus.plug(mf691(), "1-3")
    assert run(*IDS, "-K", "-s", "20", "-D") == 0, "there is none on Windows"


# The lines for scripts, where a stick is hard to get


def came(**fields: Any) -> DropInResult:
    return DropInResult(device(), watched=True, tried=True, **fields)


def device(product: int = 0x1201, number: int = 1) -> Any:
    from pymodeswitch.nouns.record import replace
    from pymodeswitch.planning.plan import typical_device

    return replace(typical_device(UsbId(0x19D2, product)), device_number=number)


@pytest.mark.parametrize(
    ("keys", "outcome", "line"),
    [
        ({}, came(after=device()), "fail:"),
        ({}, came(after=device(number=2)), "ok:no_data"),
        ({}, came(after=device(), switched=True), "ok:no_data"),
        ({"target_product": 0x1203}, came(after=device(0x9999, 2)), "ok:no_data"),
        ({"target_vendor": 0x19D2, "target_class": 2}, came(after=device(0x9999, 2)), "ok:no_data"),
        ({"target_vendor": 0x19D2, "target_product": 0x1203}, came(after=device(0x1203, 2)), "ok:no_data"),
        ({"target_vendor": 0x19D2, "target_product": 0x1203}, came(after=device(0x1204, 2)), "fail:"),
        ({"target_vendor": 0x19D2, "target_product": 0x1203}, came(after=None), "fail:"),
        ({"target_class": 8}, came(after=device(number=2)), "ok:no_data"),
        ({"target_class": 8}, came(after=device(), switched=True), "fail:"),
        ({"target_class": 2}, came(after=device(number=2)), "fail:"),
        ({"no_driver_loading": True}, came(after=None), "ok:"),
        ({"huawei_mode": True}, came(after=device(), refused=True), ""),
        ({"huawei_mode": True}, came(after=device(0x1203, 2), refused=True, switched=True), "ok:no_data"),
        ({"sierra_mode": True}, came(after=device(), refused=True), "fail:"),
        ({"standard_eject": True, "configuration": 1}, came(after=device(number=2), switched=True), ""),
        ({}, DropInResult(device(), device(0x1203, 2), watched=True, switched=True), ""),
    ],
)
def test_lines(keys: dict[str, Any], outcome: DropInResult, line: str) -> None:
    device_file = DeviceFile(default_vendor=0x19D2, default_product=0x1201, **keys)
    assert report(DropInRequest(device_file, sysmode=True), outcome) == line
    assert report(DropInRequest(device_file), outcome) == ""


# The options


def read(*words: str, stdin: bytes = b"") -> DropInRequest:
    return read_request(words, lambda: stdin)


def test_every_option() -> None:
    """All of them in one line, long or short: the same request."""
    values = {"ID": "12", "CLASS": "ff", "EP": "05", "HEX": "0011", "N": "7", "MS": "300", "S": "9"}
    special = [o.letter for o in OPTIONS if o.key.endswith("_mode") or o.key == "detach_storage_only"]
    left_out = {"h", "e", "c", "t", "f", *special} - {"U"}
    taken = [o for o in OPTIONS if o.letter not in left_out]
    short = read(*(word for o in taken for word in (f"-{o.letter}", values.get(o.value, "")) if word))
    long = read(*(f"--{o.name}" + (f"={values[o.value]}" if o.value else "") for o in taken))
    assert short == long
    assert short._replace(device_file=DeviceFile()) == DropInRequest(
        DeviceFile(), 7, 7, 9, quiet=True, verbose=True, sysmode=True, find_mbim=True
    )
    device_file = short.device_file
    assert (device_file.default_vendor, device_file.target_class) == (0x12, 0xFF)
    assert (device_file.message_endpoint, device_file.release_delay_ms) == (5, 300)
    assert device_file.message_content3 == b"\0\x11"
    assert (device_file.interface, device_file.configuration, device_file.alt_setting) == (7, 7, 7)
    assert device_file.option_mode is device_file.standard_eject is device_file.reset_usb is True
    for letter in special:
        option = next(o for o in OPTIONS if o.letter == letter)
        words = (f"-{letter}", *(("16",) if option.value else ()))
        assert getattr(read(*words).device_file, option.key) == (16 if option.value else True)


def test_help_shows_every_option(run: Run) -> None:
    assert run("-h") == 0
    assert all(f" -{o.letter}, --{o.name}" in run.out for o in OPTIONS)
    assert run("--version") == 0
    assert "Version 2.6.1" in run.out


@pytest.mark.parametrize(
    ("words", "vendor"),
    [
        (["-v", "1", "-v", "2"], 2),
        (["-v", "1", "-f", "DefaultVendor=2"], 2),
        (["-f", "DefaultVendor=2", "-v", "1"], 1),
        (["-f", "TargetVendor=2", "-v", "1"], 1),
        (["-v", "1", "-f", "TargetVendor=2"], 1),
        (["-f", "DefaultVendor=2", "-f", "DefaultVendor=3"], 2),
        (["-t", "-f", "DefaultVendor=3"], 9),
        (["-v", "0x0001", "extra", "-Q", "words"], 1),
        (["-Qv1"], 1),
    ],
)
def test_what_wins(words: list[str], vendor: int) -> None:
    assert read(*words, stdin=b"DefaultVendor=9\n").device_file.default_vendor == vendor


def test_configuration_0_is_none(run: Run) -> None:
    """To the dispatcher it means to do nothing; the tool goes on with what else there is."""
    stick = mf691()
    run.bus.plug(stick)
    assert run("-f", f"{TEXT}Configuration=0\n", "-s", "9", "-D") == 0
    assert (run.out.endswith("ok:no_data\n"), stick.mode_index) == (True, 1)


def test_option_and_value_in_one_word() -> None:
    """As the dispatcher gives them."""
    request = read("-u -1", "-b 1", "-g 22", "-v 19d2", "-i 2", f"-M {EJECT}")
    assert (request.bus, request.number) == (1, 22)
    assert request.device_file == DeviceFile(
        default_vendor=0x19D2, interface=2, message_content=bytes.fromhex(EJECT)
    )


def test_config_file(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("# a comment\n" + TEXT + "WaitBefore=5\nConfiguration=0\nCheckSuccess=8\nBogus=1\n")
    request = read("-c", str(file), "-J", "-u", "-1", "-i", "-1")
    assert request.check_s == 8
    assert request.device_file == DeviceFile(
        default_vendor=0x19D2,
        default_product=0x1201,
        target_vendor=0x19D2,
        target_product=0x1203,
        standard_eject=True,
        huawei_new_mode=True,
    ), "WaitBefore and Configuration=0 are the dispatcher's affair"
    assert len(request.warnings) == 1
    assert "unknown key 'Bogus'" in request.warnings[0]


def test_a_bad_second_message_is_left_out() -> None:
    request = read("-M", "00", "-2", "xyz", "-3", "")
    assert request.device_file.messages == (b"\0",)
    assert request.warnings == ("-2 (message-content2): 'x' is not a hex digit: left out",)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["-x"], BadOption, "option -x not recognized"),
        (["--bogus"], BadOption, "option --bogus not recognized"),
        (["--ver"], BadOption, "option --ver not a unique prefix"),
        (["-v"], BadOption, "option -v requires argument"),
        (["--quiet=1"], BadOption, "must not have an argument"),
        (["-v", "xyz"], UsageError, "-v (default-vendor): 'x' is not a hex digit"),
        (["-v", "19d2z"], UsageError, "'z' is not a hex digit"),
        (["-v", "119d2"], UsageError, "is more than 0xffff"),
        (["-C", "1ff"], UsageError, "is more than 0xff"),
        (["-M", "001"], UsageError, "odd number of hex digits"),
        (["-M", "00 11"], UsageError, "is not a hex digit"),
        (["-F", "1x"], UsageError, "is not a decimal number"),
        (["-w", "-5"], UsageError, "is not a decimal number"),
        (["-b", "0x1"], UsageError, "-b (bus-num): '0x1' is not a number of 1 to 3 digits"),
        (["-H", "-S"], DeviceFileError, "HuaweiMode and SierraMode: only one special method is possible"),
        (["-c", "/nonexistent/file"], DeviceFileError, "/nonexistent/file: cannot be read"),
        (["-f", "MessageContent=001"], DeviceFileError, "<text of -f>:1:16: MessageContent: odd number"),
    ],
)
def test_bad_options(words: list[str], error: type[Exception], message: str, run: Run) -> None:
    """One line, exit code 1; the usage, too, where the option itself is wrong."""
    with pytest.raises(error) as caught:
        read(*words)
    assert message in str(caught.value)
    run.bus.plug(mf691())
    assert run(*IDS, *words) == 1
    assert message in run.err
    assert run.err.count("\n") == 1
    assert ("Usage: usb_modeswitch" in run.out) is (error is BadOption)


@pytest.mark.parametrize("words", [[], ["-v", "19d2"], ["-v", "0", "-p", "1201"], ["-j"]])
def test_ids_are_needed(words: list[str], run: Run) -> None:
    assert run(*words) == 1
    assert "no default vendor and product ID" in run.err


# The process


def test_by_the_name_of_the_link(tmp_path: Path) -> None:
    """A link `usb_modeswitch` to the command, and the module."""
    command = tmp_path / "usb_modeswitch"
    command.write_text(
        f"#!{sys.executable}\nimport pymodeswitch.__main__ as m\nraise SystemExit(m.run())\n"
    )
    command.chmod(0o755)
    for words in ([str(command)], [sys.executable, "-m", "pymodeswitch.usb_modeswitch"]):
        done = subprocess.run([*words, "-e"], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Version 2.6.1" in done.stdout


def test_ctrl_c_and_sigterm(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As there: SIGTERM is an end in good order. The stick gets its driver back."""
    for number, code, word in ((signal.SIGTERM, 0, "terminated"), (signal.SIGINT, 130, "interrupted")):
        stick = mf691(leave=None)
        run.bus.plug(stick, "1-1")
        real = run.host.wait

        def wait(seconds: float, port: Any = None, number: int = number, real: Any = real) -> None:
            os.kill(os.getpid(), number)
            real(seconds, port)

        monkeypatch.setattr(run.host, "wait", wait)
        assert run(*IDS, "-K", "-s", "9", "-D") == code
        assert run.err == f"pymodeswitch: {word}\n"
        assert "ok:" not in run.out
        monkeypatch.setattr(run.host, "wait", real)
        run.bus.unplug("1-1")


def test_streams(tmp_path: Path) -> None:
    """A full disk, a closed stdout, a reader that has gone."""
    command = f"{sys.executable} -m pymodeswitch.usb_modeswitch"
    for shell, code in (
        (f"{command} -h >/dev/full", 1),
        (f"{command} -h >&-", 0),
        (f"{command} -v 1", 1),
    ):
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, shell
        assert "Traceback" not in done.stderr


def test_internal_errors_are_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(front, "_attached", broken)
    assert run(*IDS, "-K") == 1
    assert run.err == "pymodeswitch: internal error: ZeroDivisionError: oh (please report it)\n"


def test_every_option_is_in_the_guide() -> None:
    guide = (CHECKOUT / "docs/drop-in.md").read_text()
    for o in OPTIONS:
        assert f"| `-{o.letter}`{' ' + o.value if o.value else ''} | `--{o.name}` |" in guide
