"""Boots a real Linux kernel and runs pytest inside it: `python -m tests.kernel.rig [pytest arguments]`.

The guest sees this very checkout and this very Python environment, under a throw-away layer; virtual sticks
hang on the kernel's USB/IP host controller. What flows where:

    prepare.py   Debian's kernel and the reference tool, unpacked into a cache
    init.sh      first program of the guest: the host's files over 9p, an overlay on top
    guest.sh     second program: udev, USB drivers, the command, its exit code into a shared folder
    guest/       the tests, which plug sticks with usbip.py
    test_rig.py  the same from outside: each guest test reported as a test of the host's pytest

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

from tests.kernel.prepare import Kit, RigError, cache_folder, initramfs, prepare, tool

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
GUEST_TESTS = "tests/kernel/guest"
RIG_FAILED = 70  # EX_SOFTWARE: none of pytest's exit codes
DEFAULT_TIMEOUT = 1800.0
LAST_LINES = 30

# Loaded before anything is plugged in, so that no test waits for the loading of a module.
LOAD = (
    *("vhci-hcd", "usbmon", "usb-storage", "sr_mod", "sd_mod", "sg"),
    *("cdc-acm", "option", "cdc_ether", "cdc_mbim", "qmi_wwan", "huawei_cdc_ncm"),
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
    options, pytest_arguments = parser.parse_known_args(argv)
    try:
        kit = prepare(options.cache)
        if options.prepare_only:
            return 0
        command = options.shell or pytest_command(pytest_arguments)
        if options.results is not None:
            options.results.mkdir(parents=True, exist_ok=True)
            return boot(kit, command, options.results.resolve(), timeout=options.timeout)
        with tempfile.TemporaryDirectory(prefix="rig-results-") as results:
            return boot(kit, command, Path(results), timeout=options.timeout)
    except RigError as error:
        print(f"rig: {error}", file=sys.stderr)
        return RIG_FAILED


def pytest_command(arguments: Sequence[str]) -> str:
    """The shell command that runs pytest in the guest, on all guest tests unless an argument names some."""
    named = any(GUEST_TESTS in argument for argument in arguments)
    # Options that a project sets for its host tests (coverage, say) are not for the slow guest.
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", *arguments]
    return shlex.join(words if named else [*words, GUEST_TESTS])


def boot(
    kit: Kit,
    command: str,
    results: Path,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    echo: Callable[[str], object] = lambda line: print(line, flush=True),
) -> int:
    """Boot the guest, run a shell command in the checkout there, and return the command's exit code.

    Args:
        kit: what `prepare` returned.
        command: for the guest's sh; the folder `results` is /run/rig for it, and writable.
        results: an existing folder; `exit-code` and `dmesg` appear in it.
        timeout: seconds for all of it.
        echo: called with each console line.

    Raises:
        RigError: the guest did not end in time, or ended without a result; the last console lines are in
        the message.
    """
    for stale in ("exit-code", "dmesg"):
        (results / stale).unlink(missing_ok=True)
    (results / "command").write_text(command + "\n")
    (results / "environment").write_text(_environment(kit))
    with tempfile.TemporaryDirectory(prefix="rig-boot-") as folder:
        archive = Path(folder) / "initramfs"
        initramfs(kit, HERE / "init.sh", archive)
        lines: deque[str] = deque(maxlen=LAST_LINES)
        in_time = _run(_qemu(kit, archive, results), lines, echo, time.monotonic() + timeout)
    console = "".join(f"\n  | {line}" for line in lines)
    if not in_time:
        raise RigError(f"the guest did not end within {timeout:g} s; its last words:{console}")
    try:
        return int((results / "exit-code").read_text())
    except (OSError, ValueError):
        raise RigError(f"the guest ended without a result; its last words:{console}") from None


def _environment(kit: Kit) -> str:
    """Shell assignments for the guest; the exported ones reach the command."""
    private = {
        "RIG_GUEST_SCRIPT": str(HERE / "guest.sh"),
        "RIG_MODULES": str(kit.modules),
        "RIG_LOAD": " ".join(LOAD),
    }
    public = {
        "RIG_CHECKOUT": str(CHECKOUT),
        "RIG_REFERENCE": str(kit.reference),
        "PYMODESWITCH_RIG_GUEST": "1",
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


def _qemu(kit: Kit, archive: Path, results: Path) -> list[str]:
    def share(tag: str, path: str, options: str) -> list[str]:
        # A comma in a path would start the next option; qemu wants it doubled.
        quoted = path.replace(",", ",,")
        return [
            "-virtfs",
            f"local,path={quoted},mount_tag={tag},security_model=none,multidevs=remap{options}",
        ]

    return [
        # Emulated even where /dev/kvm exists: nested KVM is often broken, and one way is easier to trust.
        *(tool("qemu-system-x86_64") or "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-smp", "2", "-m", "2048", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", str(kit.kernel), "-initrd", str(archive)),
        *("-append", "console=ttyS0 quiet loglevel=3 panic=-1"),
        *share("root", "/", ",readonly=on"),
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
