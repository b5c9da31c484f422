"""The picture of the house: imports only go down, and each third-party library is known to one place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import pymodeswitch
from tests.support import CHECKOUT

PACKAGE = Path(pymodeswitch.__file__).parent
TOP = ("__init__", "__main__")

# What the files of each wing may import, beside their own wing. Of a wing's order nothing is said here.
WINGS: dict[str, set[str]] = {
    "nouns": set(),
    "virtual": set(),
    "device_files": {"nouns"},
}
WINGS["planning"] = {"device_files", *WINGS["device_files"]}
WINGS["catalog"] = {"planning", *WINGS["planning"]}
WINGS["transport"] = {"planning", *WINGS["planning"]}
WINGS["host"] = {"transport", *WINGS["transport"]}
WINGS["switching"] = {"catalog", "host", *WINGS["catalog"], *WINGS["host"]}
WINGS["early"] = {"catalog", *WINGS["catalog"]}
WINGS["modem"] = {"host", *WINGS["host"]}
WINGS["system"] = {"catalog", "modem", *WINGS["catalog"], *WINGS["modem"]}
WINGS["learning"] = {"switching", "virtual", *WINGS["switching"]}
WINGS["doctor"] = {"switching", "system", *WINGS["switching"], *WINGS["system"]}
WINGS["command"] = {"doctor", "early", "learning", "virtual", *WINGS["doctor"]}
WINGS["usb_modeswitch"] = {"command", *WINGS["command"]}

# Virtual sticks know nothing of the rest; what makes one of a device file does, and loads it when called.
MAKE_A_STICK_OF_A_DEVICE_FILE = {
    "virtual.from_file": {"planning", *WINGS["planning"]},
    "virtual.pytest_plugin": WINGS["switching"] | {"switching"},
}
MOST_FLOORS = 12

KNOWN_TO = {
    "usb": {"transport/libusb.py", "host/libusb_devices.py", "virtual/backend.py"},
    "construct": {"planning/bulk_only.py"},
    "libusb_package": set(),
}


def files() -> dict[str, Path]:
    """All modules by their dotted name below the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


FILES = files()


def wing(name: str) -> str:
    return name.partition(".")[0]


@cache
def imports(name: str) -> tuple[list[str], list[str]]:
    """Dotted names of ours that a file imports, and others: everywhere in the file."""
    ours, others = [], []
    path = FILES[name]
    package = list(path.relative_to(PACKAGE).parent.parts)
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []  # names for type checkers
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            others += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            others.append(node.module or "")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            for alias in node.names:
                inner = ".".join(part for part in (*base, alias.name) if part)
                ours.append(inner if inner in FILES else ".".join(part for part in base if part))
    return [one for one in ours if one], others


@pytest.mark.parametrize("name", [name for name in FILES if name not in TOP])
def test_a_wing_imports_what_it_may(name: str) -> None:
    for other in imports(name)[0]:
        allowed = {wing(name), *WINGS[wing(name)], *MAKE_A_STICK_OF_A_DEVICE_FILE.get(name, ())}
        assert wing(other) in allowed, f"{name} imports {other}"


def test_all_files_are_in_a_wing() -> None:
    assert {wing(name) for name in FILES} - set(TOP) == set(WINGS)


def test_imports_go_down() -> None:
    """No circle, and so few floors that a reader is soon at the ground."""
    floors: dict[str, int] = {}

    def floor(name: str, above: tuple[str, ...] = ()) -> int:
        assert name not in above, f"a circle: {' -> '.join((*above, name))}"
        if name not in floors:
            below = {other for other in imports(name)[0] if other in FILES and other != name}
            floors[name] = 1 + max((floor(other, (*above, name)) for other in below), default=0)
        return floors[name]

    for name in FILES:
        if name not in TOP:
            floor(name)
    highest = max(floors.values())
    assert highest <= MOST_FLOORS, sorted(name for name in floors if floors[name] == highest)


def test_third_party_libraries_stay_in_their_place() -> None:
    for name, path in FILES.items():
        place = path.relative_to(PACKAGE).as_posix()
        for other in imports(name)[1]:
            assert place in KNOWN_TO.get(wing(other), {place}), f"{place} imports {other}"


def test_the_heart_flows_one_way() -> None:
    """Who switches sets no attribute of another object; an error takes its result with it."""
    heart = ("switching.", "transport.execution", "transport.hanging_driver", "transport.storage_driver")
    found = set()
    for name, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())) if name.startswith(heart) else ():
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(ast.unparse(node))
    assert {target for target in found if target.rpartition(".")[0] != "self"} == {"error.result"}


def test_only_the_console_prints() -> None:
    for name, path in FILES.items():
        if name in ("command.console", "planning.bulk_only"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Name) and node.id == "print"), f"{path.name}:{node.lineno}"


def test_the_way_of_a_switch_loads_no_more_than_it_needs() -> None:
    """What takes long to load is left to those who need it; construct alone costs 22 ms."""
    code = (
        "import sys, pymodeswitch.command.cli as cli; code = cli.main(['-q', '19d2:1201']);"
        "print(code, *sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loaded = done.stdout.split()
    assert "pymodeswitch.host.linux" in loaded
    heavy = {
        "construct",
        "libusb_package",
        "importlib.metadata",
        "importlib.resources",
        "json",
        "tarfile",
        "tomllib",
    }
    assert not heavy & set(loaded)


def test_public_names() -> None:
    """Each has one home, and all can be imported with a star."""
    homes = [name for home in pymodeswitch._HOMES for name in pymodeswitch._home(home).__all__]
    assert sorted(("__version__", *homes)) == pymodeswitch.__all__
    assert len(set(homes)) == len(homes)
    star: dict[str, object] = {}
    exec("from pymodeswitch import *", star)
    assert {name for name in pymodeswitch.__all__ if star[name] is getattr(pymodeswitch, name)} == set(
        pymodeswitch.__all__
    )
    assert set(pymodeswitch.__all__) <= set(dir(pymodeswitch))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pymodeswitch.nothing


def test_type_checkers_see_the_same_homes() -> None:
    starred = re.findall(
        r"^    from \.([\w.]+) import \*$", (PACKAGE / "__init__.py").read_text(), re.MULTILINE
    )
    assert sorted(starred) == sorted(pymodeswitch._HOMES)


def test_the_page_says_what_the_wings_may_import() -> None:
    """docs/architecture.md has a row for each wing: what it imports, beside what these import."""
    page = (CHECKOUT / "docs/architecture.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*)\|$", page, re.MULTILINE))
    assert set(rows) == set(WINGS)
    for name, cell in rows.items():
        named = {other.strip() for other in cell.split(",") if other.strip()}
        assert WINGS[name] == named.union(*(WINGS[other] for other in named)), name


@pytest.mark.parametrize("name", sorted(WINGS))
def test_a_wing_says_what_it_imports(name: str) -> None:
    """Its docstring has the names that its row of the page has, and names files that there are."""
    text = ast.get_docstring(ast.parse(FILES[name].read_text())) or ""
    (said,) = re.findall(r"\bImports ([\w, ]+?)(?: and below)?[.;]", text)
    named = {other for other in re.split(r", | and ", said) if other != "nothing"}
    page = (CHECKOUT / "docs/architecture.md").read_text()
    (row,) = re.findall(rf"^\| `{name}` \| [^|]+ \| ([^|]*)\|$", page, re.MULTILINE)
    assert named == {other.strip() for other in row.split(",") if other.strip()}
    for file in re.findall(r"(?<![\w/])(\w+\.py)\b", text):
        assert (PACKAGE / name / file).exists(), f"{name}/__init__.py names {file}"


def test_the_page_names_what_there_is() -> None:
    page = (CHECKOUT / "docs/architecture.md").read_text()
    places = set(re.findall(r"\b(\w+/(?:\w+\.py)?)", page)) - {"pymodeswitch/"}
    assert len(places) > 8
    assert [place for place in places if not (PACKAGE / place).exists()] == []
    numbers = ("tenth", "eleventh", "twelfth")
    assert f"the {numbers[MOST_FLOORS - 10]} floor" in " ".join(page.split())
