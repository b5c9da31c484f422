"""Boots a real Linux kernel and runs pytest inside it: `python -m tests.kernel.rig [pytest arguments]`.

The guest sees this very checkout and this very Python environment, under a throw-away layer; virtual sticks
hang on the kernel's USB/IP host controller. What flows where:

    prepare.py   Debian's kernel and the reference tool, unpacked into a cache
    debian.py    a whole Debian of another release, with its own kernel, in the cache
    init.sh      first program of the guest: the host's files over 9p, an overlay on top
    guest.sh     second program: USB drivers, what is plugged in at power-on, the init that was asked for
    systemd.sh   which units there are where that init is systemd; rig.service is one of them
    command.sh   last program: the command, its exit code into a shared folder
    guest/       the tests, which plug sticks with usbip.py; folders in it need another init than udevd
    test_rig.py  the same from outside: each guest test reported as a test of the host's pytest
    test_systems.py  the chosen ones on other kernels, with another systemd and Python

Exit code: pytest's own; 70 when the rig itself failed.
"""

from __future__ import annotations

import argparse
import queue
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.kernel.debian import SUITES, prepare_debian
from tests.kernel.prepare import Kit, RigError, cache_folder, initramfs, prepare, tool
from tests.support import CHECKOUT

HERE = Path(__file__).resolve().parent
GUEST_TESTS = "tests/kernel/guest"
RIG_FAILED = 70  # EX_SOFTWARE: none of pytest's exit codes
DEFAULT_TIMEOUT = 3600.0
LAST_LINES = 30


class Flavour(NamedTuple):
    """A way of running the guest, and the folder of the tests that need it.

    init: udevd (systemd-udevd alone), systemd, or bare (neither, as in a container). before: a shell
    command that runs before the init starts. plug: arguments of plug.py for what is plugged in at power-on.
    """

    init: str
    tests: str
    before: str | None = None
    plug: str | None = None


FLAVOURS = (
    Flavour("udevd", GUEST_TESTS),
    Flavour(
        "systemd",
        f"{GUEST_TESTS}/systemd",
        before='"$RIG_PYTHON" -m pymodeswitch system install --quiet',
        plug="--slot 8 --log /run",
    ),
    Flavour("bare", f"{GUEST_TESTS}/bare"),
)
UDEVD_ALONE = FLAVOURS[0]

# Loaded before anything is plugged in, so that no test waits for the loading of a module.
LOAD = (
    *("vhci-hcd", "usbmon", "usb-storage", "sr_mod", "sd_mod", "sg"),
    *("cdc-acm", "option", "cdc_ether", "cdc_mbim", "qmi_wwan", "huawei_cdc_ncm", "ppp_async"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kernel.rig",
        description="Run pytest inside a real kernel; unknown options go to pytest.",
    )
    parser.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT, help="seconds until the guest is given up"
    )
    parser.add_argument(
        "--cache", type=Path, default=cache_folder(), help="where unpacked packages are kept"
    )
    parser.add_argument("--prepare-only", action="store_true", help="fetch and unpack, boot nothing")
    parser.add_argument(
        "--results", type=Path, help="keep exit code, reports and the kernel's log in this folder"
    )
    parser.add_argument(
        "--shell", metavar="COMMAND", help="run a shell command in the guest instead of pytest"
    )
    parser.add_argument(
        "--virtual-time",
        action="store_true",
        help="the guest's clock counts instructions: see VIRTUAL_TIME",
    )
    parser.add_argument(
        "--system", choices=list(SUITES), help="boot that whole Debian, not the files of this system"
    )
    parser.add_argument(
        "--init",
        choices=[flavour.init for flavour in FLAVOURS],
        help="what the guest starts with; by default what the tests named need, or udevd",
    )
    options, pytest_arguments = parser.parse_known_args(argv)
    flavour = next((f for f in FLAVOURS if f.init == options.init), flavour_of(*pytest_arguments))
    try:
        kit = prepare_debian(options.cache, options.system) if options.system else prepare(options.cache)
        if options.prepare_only:
            return 0
        command = options.shell or pytest_command(pytest_arguments, flavour, kit.python)
        how: dict[str, Any] = {"timeout": options.timeout, "virtual_time": options.virtual_time}
        if options.results is not None:
            options.results.mkdir(parents=True, exist_ok=True)
            return boot(kit, command, options.results.resolve(), flavour, **how)
        with tempfile.TemporaryDirectory(prefix="rig-results-") as results:
            return boot(kit, command, Path(results), flavour, **how)
    except RigError as error:
        print(f"rig: {error}", file=sys.stderr)
        return RIG_FAILED


def flavour_of(*tests: str) -> Flavour:
    """The flavour of the guest that the first test named needs; udevd where none is."""
    for test in tests:
        for flavour in reversed(FLAVOURS):  # the folder of the first one holds the others
            if test.startswith(flavour.tests):
                return flavour
    return UDEVD_ALONE


def pytest_command(
    arguments: Sequence[str], flavour: Flavour = UDEVD_ALONE, python: str = sys.executable
) -> str:
    """The shell command that runs pytest in the guest.

    On all tests of the flavour unless an argument names some.
    """
    named = any(GUEST_TESTS in argument for argument in arguments)
    # Options that a project sets for its host tests (coverage, say) are not for the slow guest.
    words = [python, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", *arguments]
    if not named:
        words.append(flavour.tests)
        words += [
            f"--ignore={other.tests}" for other in FLAVOURS if other.tests.startswith(flavour.tests + "/")
        ]
    return shlex.join(words)


def boot(
    kit: Kit,
    command: str,
    results: Path,
    flavour: Flavour = UDEVD_ALONE,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    virtual_time: bool = False,
    echo: Callable[[str], object] = lambda line: print(line, flush=True),
) -> int:
    """Boot the guest, run a shell command in the checkout there, and return the command's exit code.

    Args:
        kit: what `prepare` returned.
        command: for the guest's sh; the folder `results` is /run/rig for it, and writable.
        results: an existing folder; `exit-code` and `dmesg` appear in it, under systemd also `journal`.
        flavour: what the guest starts with.
        timeout: seconds for all of it.
        virtual_time: whether the guest's clock counts instructions.
        echo: called with each console line.

    Raises:
        RigError: the guest did not end in time, or ended without a result; the last console lines are in
        the message.
    """
    for stale in ("exit-code", "dmesg", "journal", "before", "plug", "is-started"):
        (results / stale).unlink(missing_ok=True)
    (results / "command").write_text(command + "\n")
    (results / "environment").write_text(_environment(kit, flavour.init))
    if flavour.before is not None:
        (results / "before").write_text(flavour.before + "\n")
    if flavour.plug is not None:
        (results / "plug").write_text(flavour.plug + "\n")
    with tempfile.TemporaryDirectory(prefix="rig-boot-") as folder:
        archive = Path(folder) / "initramfs"
        initramfs(kit, HERE / "init.sh", archive)
        deadline = time.monotonic() + timeout
        lines: deque[str] = deque(maxlen=LAST_LINES)
        qemu = _qemu(kit, archive, results, virtual_time)
        in_time = _run(qemu, lines, echo, deadline)
        # A kernel changes its own code while it starts, which qemu's emulation of several CPUs sometimes gets
        # wrong: that says nothing of the command, or of anything before it.
        if any("Kernel panic" in line for line in lines) and not (results / "is-started").exists():
            echo("rig: the kernel crashed while it started; booting once more")
            lines.clear()
            in_time = _run(qemu, lines, echo, deadline)
    console = "".join(f"\n  | {line}" for line in lines)
    if not in_time:
        raise RigError(f"the guest did not end within {timeout:g} s; its last words:{console}")
    try:
        return int((results / "exit-code").read_text())
    except (OSError, ValueError):
        raise RigError(f"the guest ended without a result; its last words:{console}") from None


def _environment(kit: Kit, init: str) -> str:
    """Shell assignments for the guest; the exported ones reach the command."""
    private = {
        "RIG_INIT": init,
        "RIG_SCRIPTS": str(HERE),
        "RIG_MODULES": kit.inside(kit.modules),
        "RIG_MOUNT_CHECKOUT": "" if kit.is_of_host else "yes",
        "RIG_LOAD": " ".join(LOAD),
    }
    public = {
        "RIG_CHECKOUT": str(CHECKOUT),
        "RIG_PYTHON": kit.python,
        "RIG_REFERENCE": kit.inside(kit.reference),
        "RIG_DIALLING": str(kit.dialling or ""),
        "PYMODESWITCH_RIG_GUEST": init,
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
        "PYTHONUNBUFFERED": "1",
        # The console is a terminal for pytest, but colours and rewritten lines make a poor log.
        "TERM": "dumb",
        # Importing the plugins of the host takes longer there than a test.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in private.items()]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in public.items()]
    return "\n".join(lines) + "\n"


# One CPU of 250 million instructions a second, much like a small board's, and a clock that counts them: CPU
# times are exact however busy the host is, which only a wait for its disk shows.
VIRTUAL_TIME = ("-accel", "tcg,thread=single", "-icount", "shift=2,sleep=on", "-smp", "1")
HOST_TIME = ("-accel", "tcg,thread=multi", "-smp", "2")


def _qemu(kit: Kit, archive: Path, results: Path, virtual_time: bool) -> list[str]:
    def share(tag: str, path: str, options: str) -> list[str]:
        # A comma in a path would start the next option; qemu wants it doubled.
        quoted = path.replace(",", ",,")
        return [
            "-virtfs",
            f"local,path={quoted},mount_tag={tag},security_model=none,multidevs=remap{options}",
        ]

    return [
        # Emulated even where /dev/kvm exists: nested KVM is often broken, and one way is easier to trust.
        *(
            tool("qemu-system-x86_64") or "qemu-system-x86_64",
            *(VIRTUAL_TIME if virtual_time else HOST_TIME),
        ),
        *("-cpu", "max", "-m", "2048", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", str(kit.kernel), "-initrd", str(archive)),
        *("-append", "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check"),
        *share("root", str(kit.root), ",readonly=on"),
        *share("checkout", str(CHECKOUT), ",readonly=on"),
        *share("share", str(results), ""),
    ]


def _run(command: Sequence[str], lines: deque[str], echo: Callable[[str], object], deadline: float) -> bool:
    """Run qemu until it ends, passing its console on; False when it had to be killed at the deadline."""
    guest = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_lines, args=(guest, arrived), daemon=True)
    reader.start()
    try:
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = arrived.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                guest.wait(timeout=max(left, 1.0))
                return True
            lines.append(line)
            echo(line)
        return False
    finally:
        # Also when the user interrupts: no guest outlives the rig.
        guest.kill()
        guest.wait()
        reader.join()  # its end of the console has closed with the guest
        if guest.stdout is not None:
            guest.stdout.close()


def _read_lines(guest: subprocess.Popen[bytes], arrived: queue.SimpleQueue[str | None]) -> None:
    assert guest.stdout is not None
    for line in guest.stdout:
        arrived.put(line.decode(errors="replace").rstrip())
    arrived.put(None)


if __name__ == "__main__":
    sys.exit(main())
