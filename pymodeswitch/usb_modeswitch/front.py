"""The command itself: from the options to `switch()`, and from what came of it to lines and exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..command.console import (
    EXIT_INTERRUPTED,
    OutputError,
    Terminated,
    complain,
    event_line,
    guarded,
    show,
    terminating,
)
from ..command.results import result_line
from ..device_files.keys import SPECIAL_METHODS
from ..device_files.syntax import write
from ..host.linux import default_host
from ..nouns.errors import (
    AccessError,
    DeviceFileError,
    GoneError,
    ModeSwitchError,
    NoLibusbError,
    NotStorageError,
    SettingsError,
    UnchangedError,
    UnexpectedDeviceError,
    UsageError,
    missing_package,
    printable,
)
from ..nouns.model import MBIM, AttachedDevice, DeviceFile, Status
from ..nouns.protocols import Host
from ..switching.switch import Progress, switch
from .options import BadOption, DropInRequest, read_request, usage, version
from .report_line import DropInResult, is_watched, refusal, report

# What ends usb_modeswitch with exit code 1. Everything else ends it with 0, switched or not.
FAILURES = (AccessError, DeviceFileError, NoLibusbError, NotStorageError, SettingsError, UsageError)
EXIT_FAILURE = 1

METHOD_KEYS = (
    *(key.attribute for key in SPECIAL_METHODS),
    *("standard_eject", "message_content", "configuration", "alt_setting", "reset_usb"),
)


def main(arguments: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run the command; returns the exit code. host: instead of this computer."""
    words = sys.argv[1:] if arguments is None else arguments
    with terminating():
        return guarded(lambda: _run(words, host))


def _run(words: Sequence[str], host: Host | None) -> int:
    """Run and report what goes wrong."""
    try:
        if words[:1] == ["--symlink-name"]:
            return _link_name(words[1:2])
        request = read_request(words)
        if request.show:
            show(usage() + version() if request.show == "help" else version(), end="")
            return 0
        own = default_host() if host is None else host
        try:
            return _carry_out(request, own)
        finally:
            if host is None:
                own.close()
    except (OutputError, BrokenPipeError):
        raise
    except Terminated:
        complain("terminated")
        return 0  # as there
    except KeyboardInterrupt:
        complain("interrupted")
        return EXIT_INTERRUPTED
    except ModeSwitchError as error:
        complain(str(error))
        if isinstance(error, BadOption):
            show(usage(), end="")
        return EXIT_FAILURE if isinstance(error, FAILURES) else 0
    except ImportError as error:
        known = missing_package(error)
        if known is None:
            raise
        complain(str(known))
        return EXIT_FAILURE
    except Exception as error:  # the last resort: a bug of ours becomes one line, not a traceback
        complain(f"internal error: {type(error).__name__}: {error} (please report it)")
        return EXIT_FAILURE


def _carry_out(request: DropInRequest, host: Host) -> int:
    """Find the device and do what is asked for. UsageError without an ID, and what `switch` raises."""
    say = _Speaker(request)
    for warning in request.warnings:
        say.error(f"warning: {warning}")
    found = _attached(request, host)
    if request.find_mbim:
        show(str(_mbim_configuration(found[0]) if found else 0))
        return 0
    if request.verbose:
        say.text(write(request.device_file).rstrip())
    if not found:
        say.text(f"{_wanted(request)} is not attached: nothing to do")
        return 0
    if len(found) > 1:
        ports = ", ".join(device.port for device in found)
        say.text(
            f"{len(found)} devices {request.id} are attached, on the ports {ports}: taking the first one"
        )
    outcome = _switch(request, found[0], host, say)
    line = report(request, outcome)
    if line:
        show(line)
        if outcome.switched and outcome.after is not None:
            _to_syslog(outcome.after)
    return 0


class _Speaker:
    """The lines for people: on stdout, as there, but for what went wrong."""

    def __init__(self, request: DropInRequest) -> None:
        self.quiet = request.quiet
        self.verbose = request.verbose
        self.tried = self.refused = False

    def text(self, text: str) -> None:
        """A line on stdout, unless -Q."""
        if not self.quiet:
            for line in text.splitlines():
                show(printable(line))

    def error(self, text: str) -> None:
        """A line on stderr, unless -Q."""
        if not self.quiet:
            complain(text)

    def observe(self, event: Progress) -> None:
        """The observer for `switch()`."""
        if event.step is not None:
            self.tried = True
            self.refused = refusal(event.step, event.text, self.refused)
        if self.verbose and event.kind != "waiting":
            self.text(event_line(event))


def _attached(request: DropInRequest, host: Host) -> list[AttachedDevice]:
    """The devices that are meant, in the order of their ports; what is in its target class is not meant."""
    wanted = request.id
    device_file = request.device_file
    return [
        device
        for device in host.devices()
        if device.id == wanted
        and (request.number is None or (device.bus, device.device_number) == (request.bus, request.number))
        and (device_file.target_class is None or device.interface_class != device_file.target_class)
    ]


def _wanted(request: DropInRequest) -> str:
    where = (
        "" if request.number is None else f" with the number {request.bus or 0:03d}/{request.number:03d}"
    )
    return f"{request.id}{where}"


def _mbim_configuration(device: AttachedDevice) -> int:
    """bConfigurationValue of the first configuration with an MBIM interface, -1 without one."""
    if any((i.interface_class, i.subclass) == MBIM for i in device.interfaces):
        return device.configuration
    return -1 if device.mbim_configuration is None else device.mbim_configuration


def _switch(request: DropInRequest, device: AttachedDevice, host: Host, say: _Speaker) -> DropInResult:
    """Have it switched, and say what came of it. Raises what ends the reference with exit code 1."""
    watched = is_watched(request)
    if not _has_method(request.device_file):
        say.error(f"no switching method for {request.id}: no message, no mode, no configuration is given")
        return DropInResult(device, device, watched=watched, tried=True)
    try:
        result = switch(
            device.id.vendor,
            device.id.product,
            port=device.port,
            config=request.device_file,
            timeout=request.check_s if watched else None,
            wait=watched,
            as_written=True,
            host=host,
            observer=say.observe,
        )
    except FAILURES:
        raise
    except ModeSwitchError as error:
        say.error(str(error))
        # What is on the port is known only to those who have looked at it after the message.
        judged = isinstance(error, UnchangedError | GoneError | UnexpectedDeviceError)
        after = error.result.after if judged and error.result is not None else device
        return DropInResult(device, after, watched, tried=say.tried, refused=say.refused)
    for warning in result.warnings:
        say.error(f"warning: {warning}")
    by_itself = result.plan is not None and result.plan.by_itself
    if by_itself and not watched:
        say.text(f"{device.describe()}: nothing was sent, it switches by itself")
    else:
        say.text(result_line(result))
    switched = result.status is Status.SWITCHED
    return DropInResult(
        device, result.after, watched, switched, tried=say.tried or by_itself, refused=say.refused
    )


def _has_method(device_file: DeviceFile) -> bool:
    return any(getattr(device_file, key) not in (None, False, 0) for key in METHOD_KEYS) or (
        device_file.alt_setting == 0
    )


def _link_name(path: Sequence[str]) -> int:
    """What the reference's udev rule asks for each ttyUSB port: the link for a modem's, if it gets one.

    Its other arguments (IDs) are in sysfs as well.
    """
    from ..catalog.catalog import default_catalog
    from ..modem.port_link import ModemPort, link_name, modem_ids

    port = ModemPort("".join(path))
    if port.device.id in modem_ids(default_catalog().entries()) and port.is_to_dial_with():
        show(link_name(port), end="")
    return 0


def _to_syslog(device: AttachedDevice) -> None:
    """The reference's notice, which some watch for."""
    try:
        import syslog
    except ImportError:  # not a Unix
        return
    syslog.openlog("usb_modeswitch")
    syslog.syslog(
        syslog.LOG_NOTICE,
        f"switched to {device.id} on {device.bus:03d}/{device.device_number:03d}",
    )
