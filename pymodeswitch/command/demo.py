"""The demo: the whole job on a virtual MF691, through the same code as with hardware."""

from __future__ import annotations

from ..catalog.sources import shipped_folder
from ..host.libusb_devices import devices
from ..nouns.model import AttachedDevice
from ..planning.description import describe_step
from ..planning.settings import Settings
from ..switching.switch import Progress, switch
from ..transport.faults import UsbFault
from ..transport.libusb import open_device
from ..virtual import RealClock, VirtualBackend, VirtualBus, mf691
from .console import complain, print_json, show
from .report import result_data

AT_TIMEOUT_MS = 1000


def run(*, quiet: bool = False, as_json: bool = False) -> int:
    """Plug a virtual stick, switch it, talk AT to it; returns the exit code."""
    bus = VirtualBus(RealClock())
    backend = VirtualBackend(bus)
    bus.plug(mf691(), "1-1")
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
        text = progress.text
        if progress.step is not None:
            text = f"  {describe_step(progress.step)}: {text}"
        tell(f"{progress.seconds:6.2f} s  {text}")

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
    answer = ""
    if result.after is not None:
        answer = ask_modem(backend, result.after, "ATI")
        tell("The modem's first port is asked ATI:")
        tell("\n".join(f"    {line}" for line in answer.splitlines() if line))
    ok = answer.rstrip().endswith("OK")
    if as_json:
        print_json({**result_data(result), "modem": answer})
    elif ok:
        tell()
        tell(f"Done in {result.seconds:.1f} s: {result.id} became a modem, and it answers.")
    else:
        complain("the virtual modem did not answer")
    return 0 if ok else 1


def _faces(device: AttachedDevice) -> str:
    classes = ", ".join(f"0x{i.interface_class:02x}" for i in device.interfaces)
    return f"{device.describe()}, interface classes {classes}"


def ask_modem(backend: VirtualBackend, device: AttachedDevice, command: str) -> str:
    """Send an AT command to the first bulk endpoints of a modem; returns what it answers."""
    number, out, in_ = next(
        (i.number, i.bulk_out, i.bulk_in)
        for i in device.interfaces
        if i.bulk_out is not None and i.bulk_in is not None
    )
    transport = open_device(backend, device)
    answer = b""
    try:
        transport.detach(number)
        transport.claim(number)
        transport.bulk_out(out, f"{command}\r".encode("ascii"), AT_TIMEOUT_MS)
        while not answer.rstrip().endswith((b"OK", b"ERROR")):
            answer += transport.bulk_in(in_, 512, AT_TIMEOUT_MS)
    except UsbFault:
        pass  # the caller sees that the answer is not complete
    finally:
        transport.close()
    return answer.decode("ascii", "replace").replace("\r\n", "\n").strip()
