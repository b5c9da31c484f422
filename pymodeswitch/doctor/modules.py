"""The kernel's modules: which one takes a device, whether it is there, loaded, or kept from loading.

Sources: modules.alias, modules.dep, modules.builtin and modules.builtin.modinfo of depmod (on OpenWrt,
which has none of them, the modules themselves); /sys/module; modprobe.d(5); the kernel's command line.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import cached_property

from ..nouns.model import UsbId
from .computer import Computer

MODPROBE_FOLDERS = (
    *("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d"),
    *("/usr/lib/modprobe.d", "/lib/modprobe.d"),
)
MOST_ALIASES = 32 << 20  # bytes; Debian's modules.alias has 1.3 MB
# What `install NAME COMMAND` runs where it is there to keep a module out.
REFUSING_PROGRAMS = ("false", "true", ":", "nologin")

# `usb:v12D1p*d*dc*dsc*dp*icFFisc02ip12in*`: vendor, product, interface class.
_USB_ALIAS = re.compile(r"usb:v([^p]+)p([^d]+)d.*?ic(\*|[0-9A-F]{2})isc")

_ALIAS_LINE = re.compile(rb"^alias[ \t]+(usb:\S+)[ \t]+(\S+)[ \t]*$", re.MULTILINE)


class Modules:
    """The modules of the running kernel."""

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        places = (f"{top}/lib/modules/{computer.release}" for top in ("", "/usr"))
        self.folder = next((place for place in places if computer.exists(place)), "")

    @cached_property
    def _aliases(self) -> list[tuple[str, str]]:
        """Patterns of USB devices, with the module of each."""
        read = self._computer.read_bytes
        found = []
        text = read(f"{self.folder}/modules.alias", MOST_ALIASES)
        for alias, module in _ALIAS_LINE.findall(text):  # most lines are of other buses
            found.append((alias.decode("ascii", "replace"), _plain(module.decode("ascii", "replace"))))
        # Built in: `cdc_acm.alias=usb:v...`, with a NUL behind each.
        for item in read(f"{self.folder}/modules.builtin.modinfo", MOST_ALIASES).split(b"\0"):
            if b".alias=usb:" in item:
                built_in, _, pattern = item.decode("ascii", "replace").partition(".alias=")
                found.append((pattern, _plain(built_in)))
        if not text:
            for name in self._flat:
                data = read(f"{self.folder}/{name}.ko", MOST_ALIASES)
                for match in re.findall(rb"\0alias=(usb:[^\0]{1,200})\0", data):
                    found.append((match.decode("ascii", "replace"), _plain(name)))
        return found

    @cached_property
    def _flat(self) -> list[str]:
        """Names of modules that lie in the folder itself, as on OpenWrt."""
        names = self._computer.names(self.folder) if self.folder else []
        return [name.removesuffix(".ko") for name in names if name.endswith(".ko")]

    @cached_property
    def _files(self) -> set[str]:
        """Names of the modules that can be loaded."""
        return self._listed("modules.dep") | set(map(_plain, self._flat))

    @cached_property
    def _built_in(self) -> set[str]:
        return self._listed("modules.builtin")

    def _listed(self, index: str) -> set[str]:
        """Names in one of depmod's lists: `kernel/drivers/usb/class/cdc-acm.ko.xz: ...`."""
        text = self._computer.read_bytes(f"{self.folder}/{index}", MOST_ALIASES).decode("utf-8", "replace")
        paths = (line.partition(":")[0].strip() for line in text.splitlines())
        return {_plain(os.path.basename(path).partition(".ko")[0]) for path in paths}

    def for_modalias(self, modalias: str) -> tuple[str, ...]:
        """The modules that take a device or interface, by its `modalias` in sysfs; as kmod matches them."""
        found = (module for pattern, module in self._aliases if fnmatchcase(modalias, pattern))
        return tuple(dict.fromkeys(found))

    def for_target(self, usb_id: UsbId, interface_class: int | None) -> tuple[str, ...]:
        """The modules that name a vendor (and perhaps product) and take some interface of it.

        With an interface class also those that take that class of every vendor.
        """
        vendor, product = f"{usb_id.vendor:04X}", f"{usb_id.product:04X}"
        wanted = "" if interface_class is None else f"{interface_class:02X}"
        found = []
        for pattern, module in self._aliases:
            match = _USB_ALIAS.match(pattern)
            if match is None or module in found:
                continue
            of_vendor, of_product, of_class = match.groups()
            if of_vendor == "*":
                fits = of_class == wanted
            else:
                fits = of_vendor == vendor and fnmatchcase(product, of_product)
                fits = fits and (of_class == "*" or not wanted or of_class == wanted)
            if fits:
                found.append(module)
        return tuple(found)

    def is_there(self, name: str) -> bool:
        """Whether this kernel has it: loaded, built in, or as a module."""
        return self.is_loaded(name) or name in self._files

    def is_loaded(self, name: str) -> bool:
        """Whether it is loaded, or built in."""
        return self._computer.exists(f"/sys/module/{name}") or name in self._built_in

    def drivers(self, name: str) -> tuple[str, ...]:
        """Names of the USB drivers of a loaded module: usb_storage's is `usb-storage`."""
        names = self._computer.names(f"/sys/module/{name}/drivers")
        return tuple(name.removeprefix("usb:") for name in names if name.startswith("usb:"))

    def kept_out_by(self, name: str) -> str | None:
        """Where it is told not to be loaded by itself: a path, or the kernel command line."""
        for word in self._computer.read("/proc/cmdline", 65536).split():
            key, _, value = word.partition("=")
            if key in ("modprobe.blacklist", "module_blacklist") and name in map(_plain, value.split(",")):
                return "the kernel command line"
        for path, words in self._modprobe_lines:
            if words[:1] == ["blacklist"] and [_plain(word) for word in words[1:2]] == [name]:
                return path
            refused = (
                words[:1] == ["install"] and os.path.basename("".join(words[2:3])) in REFUSING_PROGRAMS
            )
            if refused and _plain(words[1]) == name:
                return path
        return None

    @cached_property
    def _modprobe_lines(self) -> list[tuple[str, list[str]]]:
        files: dict[str, str] = {}
        for folder in MODPROBE_FOLDERS:
            for name in self._computer.names(folder):
                if name.endswith(".conf"):
                    files.setdefault(name, f"{folder}/{name}")
        return [
            (path, line.split())
            for path in files.values()
            for line in self._computer.read(path).replace("\\\n", " ").splitlines()
            if not line.lstrip().startswith("#")
        ]

    def storage_quirks(self, usb_id: UsbId) -> str:
        """The letters of usb-storage's quirks for an ID (kernel-parameters.txt, usb-storage.quirks)."""
        texts = [self._computer.read("/sys/module/usb_storage/parameters/quirks", 4096)]
        if not self.is_loaded("usb_storage"):
            options = [words[2:] for _, words in self._modprobe_lines if words[:1] == ["options"]]
            texts = [word.partition("=")[2] for words in options for word in words if "quirks=" in word]
        for item in ",".join(texts).split(","):
            vendor, _, rest = item.strip().lower().partition(":")
            product, _, letters = rest.partition(":")
            try:
                if UsbId(int(vendor, 16), int(product, 16)) == usb_id:
                    return letters
            except ValueError:  # not of that form: the kernel ignores it, too
                continue
        return ""


def _plain(name: str) -> str:
    """`usb-storage` and `usb_storage` are one module."""
    return name.replace("-", "_")
