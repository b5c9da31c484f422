"""What the reference did, recorded in the rig: which cases there are, and the files that hold the record.

`python -m tests.kernel.record` writes tests/recorded/*.json. Cases with the same outcome stand together, so
that the files are short and tell at a glance which sticks are treated alike.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pymodeswitch.device_files.names import canonical_name, parse_name
from pymodeswitch.device_files.syntax import parse
from pymodeswitch.nouns.model import DeviceFile
from tests.support import CHECKOUT
from tests.support.polite_stick import PoliteStick, leave_once, polite_stick

FOLDER = CHECKOUT / "tests" / "recorded"
PUBLIC, EXTRA = "public", "extra"
SHIPPED_SOURCE = "usb-modeswitch-data 20191128"  # what our device files call the recorded data package

# What no public entry does, or only in company. The IDs are pid.codes' for tests.
HELLO = "5553424312345679000000000000061e000000000000000000000000000000"
INQUIRY = "55534243123456782400000080000612000000240000000000000000000000"
READY = "55534243123456780000000000000600000000000000000000000000000000"
EJECT = "5553424312345678000000000000061b000000020000000000000000000000"
LEAVING_SONY = "SonyMode, and the stick returns"
EXTRAS = {
    "HuaweiMode and Configuration": "HuaweiMode=1\nConfiguration=2\n",
    "HuaweiAltMode": "HuaweiAltMode=1\n",
    "PantechMode 2": "PantechMode=2\n",
    "PantechMode 3": "PantechMode=3\n",
    "PantechMode 4": "PantechMode=4\n",
    "Configuration": "Configuration=2\n",
    "Configuration 3": "Configuration=3\n",
    "Configuration, active already": "Configuration=2\n",
    "AltSetting": "AltSetting=1\n",
    "AltSetting 2 of interface 1": "Interface=1\nAltSetting=2\n",
    "AltSetting after a message": f"MessageContent={EJECT}\nAltSetting=1\n",
    "ResetUSB": "ResetUSB=1\n",
    "ResetUSB after StandardEject": "StandardEject=1\nResetUSB=1\n",
    "DetachStorageOnly": "DetachStorageOnly=1\n",
    "DetachStorageOnly and Configuration": "DetachStorageOnly=1\nConfiguration=2\n",
    "DetachStorageOnly and StandardEject": "DetachStorageOnly=1\nStandardEject=1\n",
    "StandardEject and Configuration": "StandardEject=1\nConfiguration=2\n",
    "StandardEject and three messages": (
        f"StandardEject=1\nMessageContent={HELLO}\nMessageContent2={READY}\nMessageContent3={EJECT}\n"
    ),
    "three messages": f"MessageContent={HELLO}\nMessageContent2={READY}\nMessageContent3={EJECT}\n",
    # Data where the reference expects 13 bytes of CSW: the first message is the last one.
    "messages, answered with data": f"MessageContent={INQUIRY}\nMessageContent2={EJECT}\n",
    "second message alone": f"MessageContent2={READY}\n",
    "message that is no CBW": "MessageContent=1b5a01\n",
    "messages, one of them no CBW": f"MessageContent=1b5a01\nMessageContent2={EJECT}\n",
    "message in upper case": f"MessageContent={EJECT.upper()}\n",
    "message endpoints": f"MessageContent={EJECT}\nMessageEndpoint=0x05\nResponseEndpoint=0x86\n",
    "message on interface 1": f"MessageContent={EJECT}\nInterface=1\n",
    "message and ReleaseDelay": f"MessageContent={EJECT}\nReleaseDelay=300\n",
    "special method and message": f"SierraMode=1\nMessageContent={EJECT}\n",
    "storage method and message": f"HuaweiNewMode=1\nMessageContent={READY}\n",
    "OptionMode and Configuration": "OptionMode=1\nConfiguration=2\n",
    "GCTMode on interface 1": "GCTMode=1\nInterface=1\n",
    "MobileActionMode and Configuration": "MobileActionMode=1\nConfiguration=2\n",
    LEAVING_SONY: "TargetClass=0x02\nSonyMode=1\nConfiguration=2\n",
    "everything in order": f"MessageContent={EJECT}\nConfiguration=2\nAltSetting=1\nResetUSB=1\n",
}
ACTIVE = {"Configuration, active already": 2}


@dataclass(frozen=True, slots=True)
class Case:
    """A device file and its stick. name: in the record. text: the device file as the reference gets it."""

    name: str
    file_name: str
    text: str
    device_file: DeviceFile
    active: int | None = None

    def stick(self) -> PoliteStick:
        """A fresh stick for it."""
        stick = polite_stick(self.file_name, self.device_file, active=self.active)
        if self.name == LEAVING_SONY:
            leave_once(stick, "control c0 11")
        return stick


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the reference did.

    trace: lines as in tests/recording.py. exit_code: negative for a signal; None: the dispatcher never runs
    the tool for this device file. report: the tool's last word to the dispatcher.
    """

    trace: tuple[str, ...]
    exit_code: int | None = 0
    report: str = ""


def shipped_device_file(name: str) -> DeviceFile:
    """Our copy of a public device file."""
    return parse((CHECKOUT / "data" / name).read_bytes(), name)[0]


# Public entries that ours narrow down by a qualifier, as their ID is shared.
RENAMED = {"1307-1169": "1307-1169@uMa=Cisco"}


def public_cases(files: Iterable[tuple[str, bytes]]) -> list[Case]:
    """The cases of the data package: names and texts as they are packed."""
    cases = []
    for packed, data in files:
        parsed = parse_name(packed)
        if parsed is not None:
            name = canonical_name(*parsed)
            name = RENAMED.get(name, name)
            cases.append(Case(name, name, data.decode(), shipped_device_file(name)))
    return cases


def shipped_cases() -> list[Case]:
    """The same, from our copies: for comparing where the package is not at hand."""
    return [
        Case(path.name, path.name, path.read_text(), device_file)
        for path in sorted((CHECKOUT / "data").iterdir())
        if SHIPPED_SOURCE in (device_file := shipped_device_file(path.name)).source
    ]


def extra_cases() -> list[Case]:
    """The cases that we wrote ourselves."""
    return [
        Case(name, f"1209-{number:04x}", text, parse(text, name)[0], ACTIVE.get(name))
        for number, (name, text) in enumerate(EXTRAS.items(), 1)
    ]


def load(kind: str) -> dict[str, Outcome]:
    """The record of all public or all extra cases, by name."""
    groups = json.loads((FOLDER / f"{kind}.json").read_text())["outcomes"]
    outcomes = {}
    for group in groups:
        trace = tuple(itertools.chain.from_iterable(_unfold(line) for line in group["trace"]))
        outcome = Outcome(trace, group["exit"], group["report"])
        outcomes.update(dict.fromkeys(group["cases"], outcome))
    return outcomes


def save(kind: str, reference: str, outcomes: Mapping[str, Outcome], folder: Path = FOLDER) -> None:
    """Write a record; the same outcomes give the same file. reference: the version that did it."""
    cases: dict[Outcome, list[str]] = {}
    for name in sorted(outcomes):
        cases.setdefault(outcomes[name], []).append(name)
    groups = [
        {
            "cases": names,
            "exit": outcome.exit_code,
            "report": outcome.report,
            "trace": [_fold(line, len(list(equal))) for line, equal in itertools.groupby(outcome.trace)],
        }
        for outcome, names in cases.items()
    ]
    text = json.dumps({"reference": reference, "outcomes": groups}, indent=1)
    (folder / f"{kind}.json").write_text(text + "\n")


def _fold(line: str, times: int) -> str:
    return line if times == 1 else f"{times} x {line}"


def _unfold(line: str) -> list[str]:
    times, cross, rest = line.partition(" x ")
    return [rest] * int(times) if cross else [line]
