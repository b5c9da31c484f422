"""The demo: the whole job on a virtual MF691, through the same code as with hardware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..catalog.sources import shipped_folder
from ..host.libusb_devices import devices
from ..modem import ModemFinding, ModemState, ask_state, findings_of
from ..nouns.model import AttachedDevice
from ..planning.settings import Settings
from ..switching.switch import Progress, switch
from ..transport.faults import UsbFault
from ..transport.libusb import open_device
from ..virtual import AcmPort, RealClock, Stick, VirtualBackend, VirtualBus, mf691
from . import demo_session
from .console import complain, event_text, print_json, show
from .results import result_data

AT_TIMEOUT_MS = 1000
PORT = "its first port"


def run(*, quiet: bool = False, as_json: bool = False) -> int:
    """Plug a virtual stick, switch it, ask it, dial with it where that can be; returns the exit code."""
    bus = VirtualBus(RealClock())
    backend = VirtualBackend(bus)
    attached = bus.plug(mf691(), "1-1")
    silent = quiet or as_json

    def tell(text: str = "") -> None:
        if not silent:
            show(text)

    tell("A T-Mobile webConnect Rocket 2.0 (ZTE MF691) is plugged into a virtual port.")
    tell("Everything from here on is what happens with hardware too; only the USB below is virtual.")
    tell()
    for device in devices(backend):
        tell(f"attached: {_faces(device)}")
    tell()

    def observe(progress: Progress) -> None:
        if progress.kind == "waiting":
            return
        indent = "  " if progress.step is not None else ""
        tell(f"{progress.seconds:6.2f} s  {indent}{event_text(progress)}")

    result = switch(
        *(0x19D2, 0x1201),
        backend=backend,
        data=shipped_folder(),  # whatever this computer's folders and settings hold
        settings=Settings(),
        observer=observe,
    )
    tell()
    for device in devices(backend):
        tell(f"attached: {_faces(device)}")
    tell()
    state, findings = ModemState(), tuple[ModemFinding, ...]()
    if result.after is not None:
        with UsbLine(backend, result.after) as line:
            state = ask_state(line)
        findings = findings_of(state, PORT)
        tell("The modem's first port is asked ATI, +CPIN?, +CSQ, +CREG?, +COPS?, +CGDCONT?:")
        tell("\n".join(f"    {text}" for text in (*state.about, *(f.text for f in findings))))
        tell()
    ok = bool(findings) and not any(finding.exit_code for finding in findings)
    session = _session(attached.stick, tell) if ok else {}
    if as_json:
        about = "\n".join(state.about)
        print_json({**result_data(result), "modem": about, "ready": ok, "session": session})
    elif ok:
        tell(f"Done in {result.seconds:.1f} s: {result.id} became a modem, and it answers.")
    else:
        complain("the virtual modem did not answer")
    return 0 if ok and session.get("connected") is not False else 1


def _session(stick: Stick, tell: Callable[[str], object]) -> dict[str, Any]:
    """Dial and hang up, where that can be had; as JSON types. No key `connected` where it cannot."""
    lacks = demo_session.missing()
    if lacks:
        tell(f"For a PPP session through the virtual modem there is missing: {', '.join(lacks)}.")
        tell("")
        return {"missing": list(lacks)}
    tell("pppd dials *99***1# through the virtual modem; another pppd, on this machine, takes the call:")
    port = next(function for function in stick.mode.functions if isinstance(function, AcmPort))
    session = demo_session.hold(port)
    tell("\n".join(f"    {line}" for line in session.lines))
    tell("The line was up, and has been hung up again." if session.connected else "No line came up.")
    tell("")
    return {"connected": session.connected, "lines": list(session.lines)}


def _faces(device: AttachedDevice) -> str:
    classes = ", ".join(f"0x{i.interface_class:02x}" for i in device.interfaces)
    return f"{device.describe()}, interface classes {classes}"


class UsbLine:
    """The first serial port of a modem as a line, by its bulk endpoints: `with UsbLine(...) as line`."""

    def __init__(self, backend: VirtualBackend, device: AttachedDevice) -> None:
        number, self._out, self._in = next(
            (i.number, i.bulk_out, i.bulk_in)
            for i in device.interfaces
            if i.bulk_out is not None and i.bulk_in is not None
        )
        self._transport = open_device(backend, device)
        self._transport.detach(number)
        self._transport.claim(number)

    def __enter__(self) -> UsbLine:
        return self

    def __exit__(self, *error: object) -> None:
        self._transport.close()

    def send(self, data: bytes, seconds: float) -> None:
        """See `modem.line.Line`."""
        self._transport.bulk_out(self._out, data, AT_TIMEOUT_MS)

    def receive(self, seconds: float) -> bytes:
        """See `modem.line.Line`."""
        try:
            return self._transport.bulk_in(self._in, 512, min(AT_TIMEOUT_MS, int(seconds * 1000)))
        except UsbFault:  # nothing has come in time; whoever asked sees that
            return b""
