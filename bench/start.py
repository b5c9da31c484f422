"""`python -m pymodeswitch ARGUMENTS` against a virtual stick: `start.py SOCKET SYSFS STATE ARGUMENTS`.

The stick lives in another process (host.py). Everything is as on Linux, libusb is really loaded; only what
would go to the kernel goes through the socket: transfers, and time, so that the stick's own seconds take
none. sysfs is a folder that the other process keeps up to date.
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


def main() -> None:
    """Put the virtual computer in the place of this one, and run the command."""
    from pymodeswitch.host.linux import LinuxHost
    from pymodeswitch.switching import switch as switching

    wire = Wire()

    class VirtualHost(LinuxHost):
        def open(self, device):
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
    sys.argv[1:] = arguments
    end = os._exit

    def end_with_report(code):
        report()
        end(code)

    os._exit = end_with_report
    import runpy

    runpy.run_module("pymodeswitch", run_name="__main__", alter_sys=True)


main()
