"""`python -m pymodeswitch ARGUMENTS` against a virtual stick: `start.py SOCKET SYSFS STATE ARGUMENTS`.

The stick lives in another process (linux.py). Everything is as on Linux, libusb is really loaded; only what
would go to the kernel goes through the socket: transfers, and time, so that the stick's own seconds take
none. sysfs is a folder that the other process keeps up to date. With -S it is started as udev starts it: as
a file, past libusb.
"""

import marshal
import os
import sys

_, path, sysfs, state, *arguments = sys.argv


def report() -> None:
    """Write the peak of the memory and the loaded modules where BENCH_REPORT says."""
    modules = list(sys.modules)
    with open(os.environ["BENCH_REPORT"], "w") as file, open("/proc/self/status") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
        print(peak, *modules, file=file)


class Wire:
    """Calls of the other process: a tuple there, a value or an errno back."""

    def __init__(self) -> None:
        from _socket import AF_UNIX, socket  # which the wait for kernel events loads as well

        connection = socket(AF_UNIX)
        connection.connect(path)
        number = connection.detach()
        self._in, self._out = open(number, "rb"), open(number, "wb", closefd=False)

    def call(self, *words):
        marshal.dump(words, self._out)
        self._out.flush()
        fine, value = marshal.load(self._in)
        if not fine:
            raise OSError(value, "virtual")
        return value


class Backend:
    """As much of pyusb's backend as `PyusbTransport` calls."""

    def __init__(self, wire) -> None:
        self._wire = wire

    def _call(self, *words):
        from usb.core import USBError, USBTimeoutError

        try:
            return self._wire.call(*words)
        except OSError as error:
            kind = USBTimeoutError if error.errno == 110 else USBError
            raise kind("virtual", None, error.errno) from error

    def enumerate_devices(self):
        return self._call("enumerate_devices")

    def get_device_descriptor(self, device):
        bus, address = self._call("get_device_descriptor", device)
        return type(sys.implementation)(bus=bus, address=address)

    def bulk_write(self, handle, endpoint, interface, data, timeout):
        return self._call("bulk_write", handle, endpoint, interface, data.tobytes(), timeout)

    def bulk_read(self, handle, endpoint, interface, buffer, timeout):
        data = self._call("bulk_read", handle, endpoint, interface, len(buffer), timeout)
        buffer[: len(data)] = type(buffer)("B", data)
        return len(data)

    def __getattr__(self, name):
        if name == "lib":  # not libusb: the device is looked for in a list
            raise AttributeError(name)
        return lambda *arguments: self._call(name, *arguments)


class Direct:
    """The same without pyusb, in the place of `UsbfsTransport`."""

    CALLS = {  # noqa: RUF012  # ClassVar is in typing
        "detach": "detach_kernel_driver",
        "attach": "attach_kernel_driver",
        "claim": "claim_interface",
        "release": "release_interface",
        "clear_halt": "clear_halt",
        "close": "close_device",
    }

    def __init__(self, wire) -> None:
        self._wire = wire
        self._handle = wire.call("open_device", 0)

    def _call(self, name, *arguments):
        from pymodeswitch.transport.faults import FAULTS, Fault, UsbFault

        try:
            return self._wire.call(name, self._handle, *arguments)
        except OSError as error:
            raise UsbFault(FAULTS.get(error.errno, Fault.OTHER), name) from error

    def bulk_out(self, endpoint, data, timeout_ms):
        self._call("bulk_write", endpoint, 0, data, timeout_ms)

    def bulk_in(self, endpoint, length, timeout_ms):
        return self._call("bulk_read", endpoint, 0, length, timeout_ms)

    def __getattr__(self, name):
        return lambda *arguments: self._call(self.CALLS[name], *arguments)


def main() -> None:
    """Put the virtual computer in the place of this one, and run the command."""
    as_file = sys.flags.no_site
    package = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "pymodeswitch")
    if as_file:
        sys.path.append(os.path.dirname(package))
    from pymodeswitch.command.verbs import switch
    from pymodeswitch.host.linux import LinuxHost
    from pymodeswitch.switching import switch as switching

    wire = Wire()

    class VirtualHost(LinuxHost):
        def open(self, device):
            if self._direct:
                from pymodeswitch.usbfs import _with_pointer  # it would open the node

                _with_pointer(b"", bytearray(31))
                return Direct(wire)
            from pymodeswitch.transport.libusb import load_backend, open_device

            load_backend()
            return open_device(Backend(wire), device)

        def now(self):
            return wire.call("now")

        def sleep(self, seconds):
            wire.call("sleep", seconds)

        def wait(self, seconds, port=None):
            super().wait(0.0, port)
            wire.call("sleep", min(seconds, 0.25))

    switching.default_host = lambda backend: VirtualHost(sysfs, state_folder=state)
    switch.direct_host = lambda: VirtualHost(sysfs, state_folder=state, direct=True)
    sys.argv[1:] = arguments
    leave = os._exit
    if as_file:
        os._exit = lambda code: (report(), leave(code))
        file = os.path.join(package, "__main__.py")
        with open(file) as text:
            code = compile(text.read(), file, "exec")
        exec(code, {"__name__": "__main__", "__package__": None, "__file__": file})
    import runpy

    try:
        runpy.run_module("pymodeswitch", run_name="__main__", alter_sys=True)
    finally:
        report()


main()
