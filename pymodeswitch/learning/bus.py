"""Follows the traffic of a capture: which device is when on which port, and what is sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..nouns.model import UsbId
from ..nouns.steps import CBW_LENGTH, CBW_SIGNATURE, CSW_SIGNATURE
from .commands import ORDINARY, is_ordinary, is_ordinary_request
from .packets import CONTROL, DONE, GONE, OTHER, SETUP_BYTES
from .stays import (
    COMMAND,
    CONFIGURATION,
    KEPT,
    KEPT_CONFIGURATIONS,
    KEPT_MESSAGES,
    RAW,
    REQUEST,
    Sent,
    Stay,
    strings_of,
)

if TYPE_CHECKING:
    from .packets import CaptureInfo, Packet
    from .stays import PortKey

MAX_STAYS = 2_000  # of one capture: a bus has 127 addresses, and a bad contact may use many
MAX_PENDING = 4_096  # requests without an answer
MAX_DATA = 4_096  # bytes of a message that are kept
MAX_KEPT = 24 << 20  # bytes of all messages and descriptors that are kept
EACH_KEPT = 512  # bytes that one costs besides its own
RESET_S = 10.0  # a device is enumerated that soon after its port was reset
UNKNOWN_ADDRESS = 255  # USBPcap's, for a pipe that it does not know
GET_DEVICE_DESCRIPTOR = bytes.fromhex("80060001")

PORT_CONNECTION, C_PORT_CONNECTION, PORT_RESET = 0x0001, 0x0010, 0x0004
STORAGE_OR_HID = (0x08, 0x03)
CUT_ORDINARY = [bytes([opcode]) for opcode in sorted(ORDINARY)]  # of a command that is cut behind it


class Bus:
    """All stays of a capture, in the order of their first traffic. `end` is the time of the last packet.

    lost: when a port lost a device that came before the capture began.
    """

    def __init__(self, info: CaptureInfo) -> None:
        self.info = info
        self.stays: list[Stay] = []
        self.end = 0.0
        self.packets = 0
        self.lost: list[tuple[float, PortKey]] = []
        self._open: dict[tuple[int, int], Stay] = {}
        self._ports: dict[PortKey, Stay] = {}
        self._reset: dict[int, tuple[float, PortKey]] = {}
        self._pending: dict[tuple[int, int | str], bytes] = {}
        self._by_tags = info.system == "Linux"
        self._left = MAX_KEPT

    def see(self, packet: Packet) -> None:
        """Take the next packet."""
        seconds, _, bus, address, endpoint, kind, is_answer, outcome, _, data, _, _ = packet
        self.packets += 1
        if seconds > self.end:
            self.end = seconds
        if not address:
            self._unaddressed(packet)
            return
        stay = self._open.get((bus, address))
        if stay is None:
            stay = self._unknown(packet)
        if is_answer:
            if outcome == GONE:
                if stay.gone_at is None:
                    stay.gone_at = seconds
            elif outcome == DONE:
                stay.last = seconds
                if stay.gone_at is not None and stay.lost_at is None and kind != OTHER:
                    stay.gone_at = None
        if kind == CONTROL:
            self._control(packet, stay)
        elif kind == OTHER:
            pass
        elif endpoint & 0x80:
            if is_answer and stay.asked_inquiry and data:
                self._inquiry(stay, data)
        elif not is_answer:
            self._out(packet, stay)

    # Devices that come and go

    def _unknown(self, packet: Packet) -> Stay:
        """The stay that the first traffic of an address belongs to."""
        bus, address, seconds = packet.bus, packet.address, packet.seconds
        if address == UNKNOWN_ADDRESS:
            there = [
                s for (b, _), s in self._open.items() if b == bus and s.is_storage and s.gone_at is None
            ]
            if len(there) == 1:
                return there[0]
        port = None
        if packet.setup[:4] == GET_DEVICE_DESCRIPTOR:  # xHCI sets addresses unseen
            reset = self._reset.get(bus)
            if reset is not None and seconds - reset[0] <= RESET_S and reset[1][1] != address:
                port = reset[1]
                del self._reset[bus]
        return self._begin(bus, address, seconds, port)

    def _begin(self, bus: int, address: int, seconds: float, port: PortKey | None = None) -> Stay:
        stay = Stay(bus, address, seconds, port, last=seconds)
        before = self._open.get((bus, address))
        if before is not None and before.lost_at is None:
            before.replaced_at = seconds
        if port is not None:
            there = self._ports.get(port)
            if there is not None and there.lost_at is None:
                there.lost_at = seconds
        if len(self.stays) < MAX_STAYS:
            self.stays.append(stay)
            self._open[bus, address] = stay
            if port is not None:
                self._ports[port] = stay
        return stay

    def _unaddressed(self, packet: Packet) -> None:
        """Traffic to address 0: SET_ADDRESS tells which address the device on the reset port gets."""
        setup = packet.setup
        if setup[:2] != b"\x00\x05" or packet.is_answer:
            return
        bus, address = packet.bus, setup[2]
        reset = self._reset.pop(bus, None)
        port = reset[1] if reset is not None else None
        stay = self._open.get((bus, address))
        if stay is not None and stay.port in (None, port) and stay.lost_at is None:
            # The port was reset under it: the same stay.
            stay.resets += 1
            if port is not None:
                stay.port = port
                self._ports[port] = stay
            return
        self._begin(bus, address, packet.seconds, port)

    def _hub_request(self, packet: Packet, setup: bytes, stay: Stay) -> None:
        """GET_STATUS, SET_FEATURE and CLEAR_FEATURE of a port (USB 2.0, 11.24.2)."""
        stay.counts["hub request"] += 1
        feature = int.from_bytes(setup[2:4], "little")
        port = (packet.bus, packet.address, setup[4])
        if setup[:2] == b"\x23\x03" and feature == PORT_RESET and not packet.is_answer:
            self._reset[packet.bus] = packet.seconds, port
            return
        is_cleared = setup[:2] == b"\x23\x01" and feature == C_PORT_CONNECTION and not packet.is_answer
        is_told = setup[:2] == b"\xa3\x00" and packet.is_answer and len(packet.data) >= 4
        if is_cleared or (is_told and packet.data[2] & PORT_CONNECTION):
            self._changed(port, packet.seconds)

    def _changed(self, port: PortKey, seconds: float) -> None:
        """The connection of a port changed: what was on it has left."""
        stay = self._ports.pop(port, None)
        if stay is not None:
            stay.lost_at = seconds
        elif len(self.lost) < MAX_STAYS:
            self.lost.append((seconds, port))

    # What is kept

    def _affords(self, size: int) -> bool:
        """Whether there is room for it; then it is taken. No capture that is meant well needs so much."""
        self._left -= size + EACH_KEPT
        if self._left < 0:
            self._left += size + EACH_KEPT
            return False
        return True

    def _note(self, stay: Stay, sent: Sent) -> None:
        """Note what was sent to a device, as far as there is room."""
        if len(stay.sent) == KEPT:  # the oldest goes
            self._left += len(stay.sent[0].message) + EACH_KEPT
        size = len(sent.message)
        if len(stay.messages) < KEPT_MESSAGES and sent.essence not in stay.messages:
            size *= 2
        if self._affords(size):
            stay.note(sent)

    # Control transfers

    def _control(self, packet: Packet, stay: Stay) -> None:
        setup, key = packet.setup, (packet.bus, packet.key)
        if not packet.is_answer:
            if len(setup) == SETUP_BYTES:
                if len(self._pending) >= MAX_PENDING:
                    self._pending.clear()
                self._pending[key] = setup
                if setup[0] in (0x23, 0xA3):
                    self._hub_request(packet, setup, stay)
                else:
                    self._request(packet, setup, stay)
            elif packet.data and stay.sent and stay.sent[-1].kind == REQUEST:
                # USBPcap before 1.5: the data of a request come in a packet of their own.
                last = stay.sent.pop()
                message = last.message + packet.data[:MAX_DATA]
                self._note(stay, last._replace(message=message, is_cut=len(packet.data) < packet.length))
            return
        asked = self._pending.get(key, setup)
        if len(asked) != SETUP_BYTES:
            return
        if asked[0] == 0xA3:
            self._hub_request(packet, asked, stay)
        elif asked[:2] == b"\x80\x06" and packet.data and packet.outcome == DONE:
            self._descriptor(packet, asked, stay)
        elif asked[:2] == b"\x00\x09" and packet.outcome != DONE:
            refused = asked[2]
            if stay.selected and stay.selected[-1][1] == refused:
                stay.selected.pop()
                if stay.sent and stay.sent[-1].kind == CONFIGURATION:
                    stay.sent.pop()

    def _request(self, packet: Packet, setup: bytes, stay: Stay) -> None:
        if setup[:2] == b"\x00\x09":
            value = setup[2]
            before = stay.selected[-1][1] if stay.selected else None
            if not value:
                return
            if before is not None and before != value:
                self._note(stay, Sent(packet.seconds, CONFIGURATION, 0, setup))
            if before != value and len(stay.selected) < KEPT_CONFIGURATIONS:
                stay.selected.append((packet.seconds, value))
            return
        if is_ordinary_request(setup):
            return
        is_out = not setup[0] & 0x80
        data = packet.data[:MAX_DATA] if is_out else b""
        wanted = int.from_bytes(setup[6:8], "little") if is_out else 0
        # USBPcap before 1.5 brings the data later.
        is_cut = len(data) < wanted
        self._note(stay, Sent(packet.seconds, REQUEST, 0, setup + data, is_cut))

    def _descriptor(self, packet: Packet, asked: bytes, stay: Stay) -> None:
        kind, index, data = asked[3], asked[2], packet.data
        if kind == 1 and len(data) >= 12:
            self._device_descriptor(packet, stay)
        elif kind == 2 and len(data) >= 9:
            data = data[:MAX_DATA]
            if len(data) > len(stay.descriptors.get(data[5], b"")) and self._affords(len(data)):
                stay.note_descriptor(data)
        elif kind == 3 and index:
            what = stay.string_indices.get(index)
            if what == "manufacturer":
                stay.manufacturer = strings_of(data)
            elif what == "product":
                stay.product = strings_of(data)

    def _device_descriptor(self, packet: Packet, stay: Stay) -> None:
        data = packet.data
        usb_id = UsbId(int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little"))
        if stay.id is not None and (
            stay.id != usb_id or stay.gone_at is not None or stay.lost_at is not None
        ):
            stay = self._begin(packet.bus, packet.address, packet.seconds, None)
        stay.id = usb_id
        stay.device_class = data[4]
        if len(data) >= 14:
            stay.release = int.from_bytes(data[12:14], "little")
        if len(data) >= 16:
            # Never the serial number.
            stay.string_indices = {data[15]: "product", data[14]: "manufacturer"}
            stay.string_indices.pop(0, None)
            if len(data) >= 17:
                stay.string_indices.pop(data[16] or -1, None)

    # Bulk and interrupt transfers

    def _out(self, packet: Packet, stay: Stay) -> None:
        data, endpoint, length = packet.data, packet.endpoint, packet.length
        left = stay.data_left.get(endpoint, 0)
        is_cbw = length == CBW_LENGTH and data[:4] == CBW_SIGNATURE
        if left and not (is_cbw and left != CBW_LENGTH):
            stay.data_left[endpoint] = max(0, left - length)
            stay.counts["data"] += 1
            return
        if is_cbw:
            self._command(packet, stay)
        elif length:
            stay.counts["raw"] += 1
            shown = stay.interface_class()
            if shown is None or shown in STORAGE_OR_HID:
                is_cut = len(data) < length or length > MAX_DATA
                self._note(stay, Sent(packet.seconds, RAW, endpoint, data[:MAX_DATA], is_cut))

    def _command(self, packet: Packet, stay: Stay) -> None:
        cbw, seconds = packet.data, packet.seconds
        stay.counts["command"] += 1
        stay.data_left[packet.endpoint] = 0
        if len(cbw) < CBW_LENGTH:
            if cbw[15:16] not in CUT_ORDINARY:
                self._note(stay, Sent(seconds, COMMAND, packet.endpoint, cbw, is_cut=True))
            return
        length = int.from_bytes(cbw[8:12], "little")
        if length and not cbw[12] & 0x80:
            stay.data_left[packet.endpoint] = length
        cdb = cbw[15:31]
        stay.asked_inquiry = cdb[0] == 0x12 and not cdb[1] & 1
        ordinary = is_ordinary(cbw)
        by_driver = self._is_by_driver(packet, stay, ordinary)
        if ordinary and by_driver is not False:
            return
        self._note(stay, Sent(seconds, COMMAND, packet.endpoint, cbw, False, ordinary, by_driver))

    def _is_by_driver(self, packet: Packet, stay: Stay, ordinary: bool) -> bool | None:
        """On Linux: by the transfer's flags, or as the storage driver numbers its commands 1, 2, 3 ..."""
        if packet.by_driver is not None or not self._by_tags:
            return packet.by_driver
        tag = int.from_bytes(packet.data[4:8], "little")
        begins = stay.next_tag is None and (tag == 1 or ordinary)
        if tag == stay.next_tag or begins or (tag == 1 and ordinary):
            stay.next_tag = tag + 1
            return True
        return False

    def _inquiry(self, stay: Stay, data: bytes) -> None:
        """Standard INQUIRY data (SPC-4, 6.4.2); texts of usbmon lack the revision."""
        if len(data) < 32 or data[:4] == CSW_SIGNATURE:
            return
        stay.asked_inquiry = False
        stay.scsi_type = data[0] & 0x1F
        vendor, model, revision = (
            part.decode("ascii", "replace").strip(" \0") for part in (data[8:16], data[16:32], data[32:36])
        )
        stay.inquiry = vendor, model, revision
