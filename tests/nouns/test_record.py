"""Records against the dataclasses that they stand for: the same class made both ways, the same answers."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pymodeswitch import Settings
from pymodeswitch.nouns.record import Record, TextEnum, replace


class Point(Record, order=True):
    """A point."""

    x: int
    y: int = 3
    name: str = ""

    @property
    def total(self) -> int:
        return self.x + self.y


class Options(Record, kw_only=True):
    deep: bool = False
    words: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class DataPoint:
    x: int
    y: int = 3
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    deep: bool = False
    words: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((1,), {}),
        ((1, 2, "a"), {}),
        ((), {"x": 1}),
        ((1,), {"name": "b"}),
        ((), {}),  # x is missing
        ((1, 2, "a", 4), {}),  # too many
        ((1,), {"x": 2}),  # twice
        ((1,), {"z": 2}),  # unknown
    ],
)
def test_made_as_a_dataclass_is(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    outcomes = []
    for kind in (Point, DataPoint):
        try:
            made = kind(*values, **named)
            outcomes.append((made.x, made.y, made.name))
        except TypeError:
            outcomes.append((TypeError, 0, ""))
    assert outcomes[0] == outcomes[1]


def test_by_name_only() -> None:
    assert Options(deep=True) == Options(words=(), deep=True)
    for kind in (Options, DataOptions):
        with pytest.raises(TypeError):
            kind(True)  # type: ignore[misc]
    assert Options.__match_args__ == DataOptions.__match_args__ == ()  # type: ignore[attr-defined]


def test_equal_by_type_and_fields() -> None:
    assert Point(1) == Point(1, 3)
    assert Point(1) != Point(2)
    assert Point(1) != DataPoint(1)
    assert Point(1) != (1, 3, "")
    assert hash(Point(1)) == hash(Point(1, 3))
    assert len({Point(1), Point(1, 3), Point(2)}) == 2
    assert sorted([Point(2), Point(1, 5), Point(1, 4)]) == [Point(1, 4), Point(1, 5), Point(2)]


def test_frozen_and_slotted() -> None:
    for point in (Point(1), DataPoint(1)):
        for name in ("x", "new"):
            with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
                setattr(point, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError):
            del point.x
        assert not hasattr(point, "__dict__")
    assert Point(1).total == 4


def test_shown_and_matched_as_a_dataclass_is() -> None:
    assert repr(Point(1, name="a")) == repr(DataPoint(1, name="a")).replace("DataPoint", "Point")
    match Point(7, 8):
        case Point(x, y):
            assert (x, y) == (7, 8)


def test_replace() -> None:
    assert replace(Point(1), y=9) == dataclasses.replace(Point(1), y=9) == Point(1, 9)
    with pytest.raises(TypeError):
        replace(Point(1), z=1)


def test_copies() -> None:
    for one in (Point(1, 2, "a"), Options(words=("a",))):
        assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one


def test_what_dataclasses_sees() -> None:
    assert dataclasses.is_dataclass(Point)
    assert dataclasses.is_dataclass(Point(1))
    assert dataclasses.asdict(Point(1)) == {"x": 1, "y": 3, "name": ""}
    for ours, theirs in ((Point, DataPoint), (Options, DataOptions)):
        described = [
            [(f.name, f.type, f.default, f.kw_only, f.init) for f in dataclasses.fields(kind)]
            for kind in (ours, theirs)
        ]
        assert described[0] == described[1]


def test_a_default_without_a_hash() -> None:
    """Before Python 3.12 an empty MappingProxyType is one."""
    changed = dataclasses.replace(Settings(), mbim=False)
    assert changed == replace(Settings(), mbim=False) == Settings(mbim=False)


def test_it_loads_nothing() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); import record;"
        "print(*(set(sys.modules) - before))"
    )
    folder = str(sys.modules["pymodeswitch.nouns"].__path__[0])
    done = subprocess.run([sys.executable, "-I", "-c", code, folder], capture_output=True, text=True)
    assert sorted(done.stdout.split()) == ["__future__", "record"], done.stderr


class Colour(TextEnum):
    RED = "red"
    GREEN = "green"

    @property
    def is_red(self) -> bool:
        return self is Colour.RED


class EnumColour(enum.Enum):
    RED = "red"
    GREEN = "green"


@pytest.mark.parametrize(
    "look",
    [
        lambda c: [(one.name, one.value) for one in c],
        lambda c: len(c),
        lambda c: c("red") is c.RED,
        lambda c: c.RED == c.GREEN,
        lambda c: c.RED in c and c.RED in {c.RED} and c.RED not in {c.GREEN},
        lambda c: copy.deepcopy([c.RED])[0] is c.RED and copy.copy(c.GREEN) is c.GREEN,
        lambda c: pickle.loads(pickle.dumps(c.RED)) is c.RED,
        lambda c: repr(c.RED).replace("Enum", ""),
        lambda c: str(c.GREEN).replace("Enum", ""),
        lambda c: isinstance(c.RED, c) and type(c.RED) is c,
    ],
)
def test_a_choice_is_as_an_enum(look: Callable[[Any], object]) -> None:
    assert look(Colour) == look(EnumColour)


@pytest.mark.parametrize("colours", [Colour, EnumColour])
def test_what_a_choice_refuses(colours: Any) -> None:
    with pytest.raises(ValueError, match="'blue' is not a valid"):
        colours("blue")
    with pytest.raises(AttributeError, match="cannot reassign member 'RED'"):
        colours.RED = "blue"


def test_a_choice_has_methods_of_its_own() -> None:
    assert Colour.RED.is_red
    assert not Colour.GREEN.is_red
