"""Record and TextEnum: frozen, slotted dataclasses and enumerations that cost nothing to define.

`@dataclass(frozen=True, slots=True)` writes and compiles source for each class, 0.3 ms on an ordinary
machine and twenty times that on a small board, and `dataclasses` loads `inspect`; what udev starts defines
some thirty of them. A Record does the same with methods that all share. Type checkers see a dataclass, and
so do `dataclasses.replace`, `fields`, `asdict` and `is_dataclass`, whose view is made when it is asked for.

    class Interface(Record):
        number: int
        driver: str | None = None

`enum` takes 5 ms to load, with what it loads. A TextEnum is as much of an Enum as there is a use for; type
checkers see an Enum.

    class Status(TextEnum):
        SWITCHED = "switched"
"""

from __future__ import annotations

__all__ = ["Record", "TextEnum", "replace"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import Enum as TextEnum
    from typing import Any, TypeVar, dataclass_transform

    _R = TypeVar("_R", bound="Record")
else:

    def dataclass_transform(**_):
        """For type checkers only: `typing` takes 3 ms to load."""
        return lambda decorated: decorated

    class _TextEnumType(type):
        """Makes an instance of each text in a class."""

        def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _TextEnumType:
            values = {k: v for k, v in namespace.items() if isinstance(v, str) and not k.startswith("_")}
            rest = {key: value for key, value in namespace.items() if key not in values}
            cls = super().__new__(mcs, name, bases, rest)
            cls._members = {}
            for key, value in values.items():
                member = object.__new__(cls)
                member.name, member.value = key, value
                type.__setattr__(cls, key, member)
                cls._members[value] = member
            return cls

        def __call__(cls, value: str) -> Any:
            """The choice with a value; ValueError when there is none."""
            if value not in cls._members:
                raise ValueError(f"{value!r} is not a valid {cls.__name__}")
            return cls._members[value]

        def __iter__(cls) -> Iterator[Any]:
            return iter(cls._members.values())

        def __len__(cls) -> int:
            return len(cls._members)

        def __setattr__(cls, name: str, value: object) -> None:
            if name in vars(cls) and isinstance(vars(cls)[name], cls):
                raise AttributeError(f"cannot reassign member {name!r}")
            type.__setattr__(cls, name, value)

    class TextEnum(metaclass=_TextEnumType):
        """One of a few: `name` is its name in the class, `value` its text. Each exists once."""

        def __repr__(self) -> str:
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __str__(self) -> str:
            return f"{type(self).__name__}.{self.name}"

        def __reduce__(self) -> tuple[Any, ...]:
            return type(self), (self.value,)

        def __copy__(self) -> TextEnum:
            return self

        def __deepcopy__(self, memo: object) -> TextEnum:
            return self


@dataclass_transform(frozen_default=True)
class _RecordType(type):
    """Makes the annotated names of a class its slots, and keeps their defaults.

    kw_only: the fields are given by name. order: instances compare as tuples of their fields.
    """

    _names: tuple[str, ...]
    _defaults: dict[str, Any]
    _positional: int

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        kw_only: bool = False,
        order: bool = False,
    ) -> _RecordType:
        names = tuple(namespace.get("__annotations__", ()))
        namespace["_defaults"] = {field: namespace.pop(field) for field in names if field in namespace}
        namespace["_names"] = namespace["__slots__"] = names
        namespace["_positional"] = 0 if kw_only else len(names)
        namespace["__match_args__"] = () if kw_only else names
        if order:
            namespace["__lt__"] = lambda self, other: _as_tuple(self) < _as_tuple(other)
        return super().__new__(mcs, name, bases, namespace)


class _Fields:
    """What the functions of `dataclasses` go by, of a class or an instance; made when it is asked for."""

    def __get__(self, instance: object, cls: Any) -> dict[str, Any]:
        from dataclasses import field, make_dataclass

        def described(name: str) -> Any:
            kind, defaults = cls.__annotations__[name], cls._defaults
            if name not in defaults:
                return name, kind
            # dataclasses takes what has no hash for mutable, an empty MappingProxyType too.
            if type(defaults[name]).__hash__ is None:
                return name, kind, field(default_factory=lambda: defaults[name])
            return name, kind, field(default=defaults[name])

        made = make_dataclass(
            cls.__name__,
            [described(name) for name in cls._names],
            frozen=True,
            kw_only=not cls._positional,
        )
        fields: dict[str, Any] = vars(made)["__dataclass_fields__"]
        return fields


class Record(metaclass=_RecordType):
    """A frozen record: the annotated names of a subclass are its fields, values given there their defaults.

    Defaults are shared by all instances, so they have to be immutable. TypeError for a missing, unknown or
    repeated field, FrozenInstanceError for an assignment.
    """

    __dataclass_fields__ = _Fields()

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        names = cls._names
        if len(values) > cls._positional:
            raise TypeError(f"{cls.__name__} takes {cls._positional} positional values, not {len(values)}")
        put = object.__setattr__
        for name, value in zip(names, values):  # noqa: B905  # fewer values than names: the rest follows
            if name in named:
                raise TypeError(f"{cls.__name__}: {name} is given twice")
            put(self, name, value)
        defaults = cls._defaults
        for name in names[len(values) :]:
            if name in named:
                put(self, name, named.pop(name))
            elif name in defaults:
                put(self, name, defaults[name])
            else:
                raise TypeError(f"{cls.__name__}: {name} is missing")
        if named:
            raise TypeError(f"{cls.__name__} has no {', '.join(named)}")

    def __setattr__(self, name: str, value: Any) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to {name} of a {type(self).__name__}")

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete {name} of a {type(self).__name__}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _as_tuple(self) == _as_tuple(other)

    def __hash__(self) -> int:
        return hash(_as_tuple(self))

    def __repr__(self) -> str:
        pairs = zip(type(self)._names, _as_tuple(self), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), _as_tuple(self))


def _as_tuple(record: Any) -> tuple[Any, ...]:
    return tuple([getattr(record, name) for name in type(record)._names])


def _restore(cls: Any, values: tuple[Any, ...]) -> Any:
    return cls(**dict(zip(cls._names, values, strict=True)))


def replace(record: _R, **changes: Any) -> _R:
    """A copy with other values in some fields; TypeError for a field that it has not."""
    cls: Any = type(record)
    copy: _R = cls(**{**dict(zip(cls._names, _as_tuple(record), strict=True)), **changes})
    return copy
