"""The nouns: IDs, ports, attached devices, device files, results. Frozen, no I/O.

The steps of a plan are nouns too; they live in `steps.py`.
"""

from __future__ import annotations

from .errors import UsageError
from .record import Record, TextEnum, replace

# Public, as names of pymodeswitch.
__all__ = ["AttachedDevice", "DeviceFile", "Diagnostic", "Entry", "Interface", "Node"]
__all__ += ["Port", "Severity", "Status", "SwitchResult", "UsbId"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    from .steps import Plan

    Port = NewType("Port", str)
else:
    Port = str
"""A port by its kernel name: bus number, `-`, port numbers from the root hub down (`1-1.2`)."""

MASS_STORAGE_CLASS = 0x08
HUB_CLASS = 0x09
# Names that every device with an MBIM configuration knows, beside those in its device file.
MBIM_MODE, LEGACY_MODE = "mbim", "legacy"

MBIM = (0x02, 0x0E)  # class and subclass of its control interface: MBIM 1.0, 6.3


def parse_port(text: str) -> Port:
    """A port name such as `1-1.2`; UsageError for anything else."""
    if not isinstance(text, str):
        raise UsageError(f"bad port {text!r:.100}: expected a text such as '1-1.2'")
    bus, dash, path = text.partition("-")
    numbers = [bus, *path.split(".")]
    if not dash or not all(n.isascii() and n.isdigit() and len(n) < 4 for n in numbers):
        raise UsageError(f"bad port {text!r:.100}: expected a kernel port name such as 1-1.2")
    return Port(text)


def parse_hex(value: int | str, what: str) -> int:
    """A 16-bit number, given as int or as hex digits with or without `0x`; UsageError else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UsageError(f"bad {what} {value!r:.100}: expected a number, or hex digits in a text")
    if isinstance(value, int):
        number = value
    else:
        digits = value.strip().lower().removeprefix("0x")
        if not 1 <= len(digits) <= 4 or any(c not in "0123456789abcdef" for c in digits):
            raise UsageError(f"bad {what} {value!r:.100}: expected up to four hex digits")
        number = int(digits, 16)
    if not 0 <= number <= 0xFFFF:
        raise UsageError(f"bad {what} {value!r:.100}: not within 0x0000 to 0xffff")
    return number


class UsbId(Record, order=True):
    """idVendor and idProduct, 16 bits each (USB 2.0, table 9-8)."""

    vendor: int
    product: int

    @classmethod
    def parse(cls, text: str) -> UsbId:
        """`19d2:1201`, hex digits with or without `0x`; UsageError for anything else."""
        vendor, colon, product = text.partition(":")
        if not colon:
            raise UsageError(
                f"bad ID {text!r:.100}: expected VENDOR:PRODUCT in hex, such as 19d2:1201, or a verb (--help)"
            )
        return cls(parse_hex(vendor, "vendor ID"), parse_hex(product, "product ID"))

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.product:04x}"


class Interface(Record):
    """One interface of the active configuration, alternate setting 0.

    bulk_out, bulk_in: addresses of its first bulk endpoints, None where it has none.
    driver: name of the kernel driver bound to it, None where there is none or nobody can tell.
    """

    number: int
    interface_class: int
    subclass: int = 0
    protocol: int = 0
    bulk_out: int | None = None
    bulk_in: int | None = None
    driver: str | None = None


class AttachedDevice(Record):
    """A snapshot of one attached device.

    device_number: libusb's address, 1 to 127; the next one at each enumeration (Linux starts again after
    127), so a new one on the same port means that the device left and came back.
    configuration: active bConfigurationValue, 0 while the device is not configured.
    mbim_configuration: bConfigurationValue of the first configuration with an MBIM interface, if there are
    several configurations. configurations: bConfigurationValue of all; empty where that is not known.
    """

    port: Port
    id: UsbId
    bus: int
    device_number: int
    device_class: int = 0
    configuration: int = 0
    interfaces: tuple[Interface, ...] = ()
    manufacturer: str = ""
    product: str = ""
    serial: str = ""
    mbim_configuration: int | None = None
    configurations: tuple[int, ...] = ()
    scsi: tuple[str, str, str] | None = None  # vendor, model, revision, where a driver has read them

    @property
    def interface_class(self) -> int | None:
        """Class of the first interface; None while the device is not configured."""
        return self.interfaces[0].interface_class if self.interfaces else None

    @property
    def in_mbim_configuration(self) -> bool:
        """Whether its MBIM configuration is the active one."""
        return self.mbim_configuration is not None and self.mbim_configuration == self.configuration

    def same_stay(self, other: AttachedDevice) -> bool:
        """Whether both are one stay on the bus: a device that has left and come back is a new one.

        Linux gives a new device number each time; others may give the same one again, so the ID counts.
        """
        return (self.port, self.bus, self.device_number, self.id) == (
            *(other.port, other.bus, other.device_number),
            other.id,
        )

    @property
    def is_storage(self) -> bool:
        """Whether the first interface is mass storage (or there is none yet to tell)."""
        return self.interface_class in (None, MASS_STORAGE_CLASS)

    @property
    def node(self) -> str:
        """The device node of usbfs on Linux."""
        return f"/dev/bus/usb/{self.bus:03d}/{self.device_number:03d}"

    def describe(self) -> str:
        """`19d2:1201 on port 1-1`."""
        return f"{self.id} on port {self.port}"


class DeviceFile(Record, kw_only=True):
    """What the author of a device file wrote; an absent key is None (or False, or empty).

    Keys, kinds and meanings: docs/device-files.md. Messages are bytes as they go over the wire.
    `comments` are the leading comment lines without their `#`; the first one is the product name. `mode`
    names the way of switching, `modes` are the other ways that the file knows.
    """

    comments: tuple[str, ...] = ()
    default_vendor: int | None = None
    default_product: int | None = None
    target_vendor: int | None = None
    target_product: int | None = None
    target_product_list: tuple[int, ...] = ()
    target_id_list: tuple[UsbId, ...] = ()
    target_class: int | None = None
    message_content: bytes | None = None
    message_content2: bytes | None = None
    message_content3: bytes | None = None
    message_endpoint: int | None = None
    response_endpoint: int | None = None
    need_response: bool = False
    standard_eject: bool = False
    detach_storage_only: bool = False
    huawei_mode: bool = False
    huawei_new_mode: bool = False
    huawei_alt_mode: bool = False
    sierra_mode: bool = False
    sony_mode: bool = False
    gct_mode: bool = False
    kobil_mode: bool = False
    sequans_mode: bool = False
    mobile_action_mode: bool = False
    cisco_mode: bool = False
    qisda_mode: bool = False
    quanta_mode: bool = False
    option_mode: bool = False
    blackberry_mode: bool = False
    pantech_mode: int | None = None
    through_driver: bool = False
    configuration: int | None = None
    interface: int | None = None
    alt_setting: int | None = None
    reset_usb: bool = False
    release_delay_ms: int | None = None
    wait_before_s: int | None = None
    check_success_s: int | None = None
    no_driver_loading: bool = False
    no_mbim_check: bool = False
    mode: str = ""
    modes: tuple[DeviceFile, ...] = ()

    def in_mode(self, name: str) -> DeviceFile | None:
        """The way of switching with that name, None when there is none; comments come along."""
        if name == self.mode:
            return replace(self, modes=())
        other = next((other for other in self.modes if other.mode == name), None)
        return other and replace(other, comments=self.comments)

    def ways_for(self, name: str | None) -> tuple[DeviceFile, ...]:
        """The ways that a mode asked for leaves: all without one, the file's own for legacy."""
        if name is None:
            return (self, *self.modes)
        if name == LEGACY_MODE and name not in self.mode_names:
            return (self,)
        way = self.in_mode(name)
        return () if way is None else (way,)

    @property
    def mode_names(self) -> tuple[str, ...]:
        """Names of all ways, the file's own first; empty when it has no names."""
        return tuple(way.mode for way in (self, *self.modes) if way.mode)

    @property
    def product_name(self) -> str:
        """Name of the product, from the first comment line; empty where there is none."""
        if self.comments and not self.comments[0].lower().startswith(("source:", "shared:")):
            return self.comments[0]
        return ""

    @property
    def source(self) -> str:
        """Where the facts come from: the text of the comment line `source: ...`."""
        for comment in self.comments:
            if comment.lower().startswith("source:"):
                return comment.partition(":")[2].strip()
        return ""

    @property
    def shared(self) -> str:
        """What else has the ID, from the comment line `shared: ...`; empty where nothing is known of it."""
        for comment in self.comments:
            if comment.lower().startswith("shared:"):
                return comment.partition(":")[2].strip()
        return ""

    @property
    def messages(self) -> tuple[bytes, ...]:
        """MessageContent, then 2 and 3 if they are there; none at all without the first."""
        if self.message_content is None:
            return ()
        others = (self.message_content2, self.message_content3)
        return (self.message_content, *(other for other in others if other is not None))

    def targets(self, initial: UsbId) -> tuple[UsbId, ...]:
        """Target IDs. A missing TargetVendor means the initial vendor, as in the reference."""
        # An entry may name its own initial ID as target; then only the class can tell (3566:2001).
        return tuple(target for target in self._named(initial) if target != initial)

    def keeps_id(self, initial: UsbId) -> bool:
        """Whether a switched device may have its initial ID: it is named as a target, or nothing else is."""
        named = self._named(initial)
        return not named or initial in named

    def _named(self, initial: UsbId) -> tuple[UsbId, ...]:
        vendor = initial.vendor if self.target_vendor is None else self.target_vendor
        products = self.target_product_list
        if not products and self.target_product is not None:
            products = (self.target_product,)
        return tuple(UsbId(vendor, product) for product in products) + self.target_id_list


class Severity(TextEnum):
    """How bad a finding in a device file is; an error makes the file unusable."""

    WARNING = "warning"
    ERROR = "error"


class Diagnostic(Record):
    """One finding in a device file.

    line, column: counted from 1; line 0 speaks of the whole file. width: characters to underline.
    text: the source line.
    """

    severity: Severity
    message: str
    path: str
    line: int = 0
    column: int = 1
    width: int = 1
    text: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.severity.value}: {self.message}"

    def with_caret(self) -> str:
        """The one-line form, then the source line and a caret under the place."""
        if not self.line:
            return str(self)
        # Tabs stay tabs in the second line, so that the caret stands right on any terminal.
        before = "".join("\t" if c == "\t" else " " for c in self.text[: self.column - 1])
        return f"{self}\n  {self.text}\n  {before}^{'~' * (self.width - 1)}"


class Entry(Record):
    """A device file as the catalogue found it.

    name: file name with `:` (`05c6:1000:uMa=AnyDATA`). path: where it was read. qualifiers: key and
    value pairs from the name.
    """

    id: UsbId
    name: str
    path: str
    device_file: DeviceFile
    qualifiers: tuple[tuple[str, str], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def targets(self) -> tuple[UsbId, ...]:
        """Target IDs of the device file's own way."""
        return self.device_file.targets(self.id)

    @property
    def all_targets(self) -> tuple[UsbId, ...]:
        """Target IDs of all its ways."""
        ways = self.device_file.ways_for(None)
        return tuple(dict.fromkeys(target for way in ways for target in way.targets(self.id)))


class StorageUnit(Record):
    """A SCSI unit that the storage driver has made of a stick.

    nodes: names without `/dev/` (sg0, sr0), each with its device number as sysfs writes it (`21:0`).
    """

    interface: int
    lun: int
    nodes: tuple[tuple[str, str], ...]


class Node(Record):
    """What appeared after the switch: kind is `tty`, `net` or `cdc-wdm`, name without `/dev/`."""

    kind: str
    name: str
    driver: str | None
    interface: int


class Status(TextEnum):
    """Outcome of a switch that did not raise.

    SENT: the message is out and nobody waited (wait=False). PLANNED: dry run, nothing was sent.
    """

    SWITCHED = "switched"
    ALREADY = "already"
    SENT = "sent"
    PLANNED = "planned"


class SwitchResult(Record, kw_only=True):
    """What happened. In an error's `result` status is None and the rest says how far it came.

    seconds: from the call to the verdict. tries: how often the messages were sent.
    unlisted: the stick switched, but to an ID that the device file does not name. plan: what was (or, in
    a dry run, would have been) done to it. mode: with ALREADY, the name of the mode that it is in, where
    the device file has names.
    """

    status: Status | None
    id: UsbId
    port: Port | None = None
    before: AttachedDevice | None = None
    after: AttachedDevice | None = None
    entry: Entry | None = None
    nodes: tuple[Node, ...] = ()
    seconds: float = 0.0
    tries: int = 0
    unlisted: bool = False
    warnings: tuple[str, ...] = ()
    plan: Plan | None = None
    mode: str = ""
