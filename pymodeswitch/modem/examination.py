"""One modem, looked at and asked: its port, who holds that, what it says; or its network card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..nouns.model import MASS_STORAGE_CLASS, AttachedDevice, Node
from .configuration import NMCLI, configuration
from .findings import ModemFinding, exit_code, findings_of
from .line import Line, SerialPort
from .places import CONTROL_TOOLS, MODEM_MANAGER, NamedProcess, NetworkCard, Places
from .state import TOTAL_S, ModemState, ask_state

SERIAL_CHANNEL = "huawei_cdc_ncm"  # its cdc-wdm node speaks AT


class OpenLine(Line, Protocol):
    """A line that is closed in the end."""

    def close(self) -> None:
        """Give the port back."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one device.

    tty: the port that was, or would have been, asked, such as /dev/ttyACM0. link: /dev/gsmmodem where that
    leads there. state: what the modem said; None where nobody asked it. cards: its network interfaces.
    """

    device: AttachedDevice
    tty: str | None
    link: str | None
    state: ModemState | None
    cards: tuple[NetworkCard, ...]
    findings: tuple[ModemFinding, ...]

    @property
    def exit_code(self) -> int:
        """0 when it can be used."""
        return exit_code(self.findings)

    @property
    def port(self) -> str | None:
        """What to call the port in a configuration: the link stays when numbers change."""
        return self.link or self.tty


def look_at(device: AttachedDevice, tty: str | None = None, places: Places | None = None) -> Report:
    """Look at a device without asking it anything. tty: the port that somebody chose, such as `ttyACM1`."""
    places = places or Places()
    if tty is None and (node := places.dial_port(device)) is not None:
        tty = node.name
    link = places.link_to(tty) if tty is not None else None
    return Report(device, f"/dev/{tty}" if tty else None, link, None, (), ())


def examine(
    device: AttachedDevice,
    tty: str | None = None,
    *,
    places: Places | None = None,
    open_line: Callable[[str], OpenLine] = SerialPort,
    seconds: float = TOTAL_S,
) -> Report:
    """Look at a device, and ask the port that it has for that unless somebody holds it.

    tty: the port that somebody chose. seconds: for all questions. AccessError when the port may not be
    opened; BusyError when somebody who cannot be seen has it for himself; GoneError when it leaves.
    """
    places = places or Places()
    report = look_at(device, tty, places)
    nodes = places.sysfs.nodes(device)
    cards = tuple(places.card(node.name) for node in nodes if node.kind == "net")
    state = None
    if report.tty is not None:
        holders = places.holders(report.tty)
        if not holders:
            state = _ask(report.tty, open_line, seconds)
            # ModemManager looks at a new port some seconds after it came: in the middle of this, perhaps.
            holders = places.holders(report.tty)
        if holders:
            state, found = None, [_held(report.tty, holders, device)]
        else:
            found = [*findings_of(state or ModemState(), report.tty), *_modem_manager(device, places)]
        found += [_card(card) for card in cards if card.address]
    else:
        found = [*_control(nodes), *(_card(card) for card in cards if _counts(card, nodes))]
    if not found:
        found = [_without_port(device, places)]
    return Report(device, report.tty, report.link, state, cards, tuple(found))


def _ask(tty: str, open_line: Callable[[str], OpenLine], seconds: float) -> ModemState:
    line = open_line(tty)
    try:
        return ask_state(line, seconds)
    finally:
        line.close()


def keep_away_rule(device: AttachedDevice) -> str:
    """The udev rule that keeps ModemManager away from a device (ID_MM_DEVICE_IGNORE, since 1.12)."""
    return (
        f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{device.id.vendor:04x}", '
        f'ATTR{{idProduct}}=="{device.id.product:04x}", ENV{{ID_MM_DEVICE_IGNORE}}="1"'
    )


def modem_manager_cures(device: AttachedDevice) -> tuple[str, str]:
    """What to do about ModemManager: use it, or keep it away."""
    use = configuration(NMCLI, "", "APN").splitlines()[1]
    rule = keep_away_rule(device)
    return (
        f"use it: {use}",
        f"or keep it away, with a line in /etc/udev/rules.d/78-no-modemmanager.rules: {rule} "
        "(then: udevadm control --reload, plug the stick in again, systemctl restart ModemManager)",
    )


def _held(tty: str, holders: tuple[NamedProcess, ...], device: AttachedDevice) -> ModemFinding:
    who = ", ".join(str(holder) for holder in holders[:4])
    text = f"{who} has {tty} open: no answer counts, as two readers take each other's characters"
    if any(holder.name == MODEM_MANAGER for holder in holders):
        return ModemFinding("held", text, modem_manager_cures(device))
    return ModemFinding("held", text, (f"end it: kill {' '.join(str(holder.pid) for holder in holders)}",))


def _modem_manager(device: AttachedDevice, places: Places) -> Iterator[ModemFinding]:
    process = places.modem_manager()
    if process is not None:
        text = f"{process} runs: it takes the modem as soon as NetworkManager has a connection for it"
        yield ModemFinding("modemmanager", text, modem_manager_cures(device))


def _control(nodes: tuple[Node, ...]) -> Iterator[ModemFinding]:
    for node in nodes:
        tool = CONTROL_TOOLS.get(node.driver or "", "") if node.kind == "cdc-wdm" else ""
        if tool:
            text = f"/dev/{node.name} ({node.driver}) is no port for AT: NetworkManager dials through it"
            use = configuration(NMCLI, "", "APN").splitlines()[1]
            yield ModemFinding(
                "other-tool", text, (f"what it is: {tool.format(node.name)}", f"dial: {use}")
            )


def _counts(card: NetworkCard, nodes: tuple[Node, ...]) -> bool:
    """Whether a network interface is a way of its own: one beside a control channel waits for that."""
    return not any(node.kind == "cdc-wdm" and node.driver != SERIAL_CHANNEL for node in nodes)


def _card(card: NetworkCard) -> ModemFinding:
    if not card.is_up:
        text = f"{card.name} is a network card, and is down"
        return ModemFinding(
            "no-link", text, (f"ip link set {card.name} up, or let NetworkManager have it",)
        )
    if not card.has_link:
        text = f"{card.name} is a network card without a link: the stick is not connected, or still starts"
        return ModemFinding("no-link", text, ("wait 20 s; then look at the stick's own page in a browser",))
    if not card.address:
        text = f"{card.name} is a network card with a link and no address"
        return ModemFinding(
            "no-address", text, (f"nmcli device connect {card.name}, or: dhclient {card.name}",)
        )
    page = f"; the stick's own page is http://{card.gateway}/" if card.gateway else ""
    return ModemFinding("address", f"{card.name} has the address {card.address}{page}")


def _without_port(device: AttachedDevice, places: Places) -> ModemFinding:
    if device.interface_class == MASS_STORAGE_CLASS:
        text = f"{device.describe()} shows storage: it is not switched"
        return ModemFinding("no-port", text, (f"pymodeswitch --port {device.port}",))
    text = f"{device.describe()} has no port to dial with: no driver has made one"
    return ModemFinding("no-port", text, (f"pymodeswitch doctor --port {device.port}",))
