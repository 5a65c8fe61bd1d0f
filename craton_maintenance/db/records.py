"""Frozen records of the domain as JSON and back, by their types."""

import dataclasses
import datetime as dt
import enum
import functools
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from craton_maintenance.domain.scope import HostKey

R = TypeVar("R")


def dump(record: Any, skip: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A record's fields that are not at their defaults.

    :param skip: fields that are kept elsewhere
    """
    return {
        field.name: _plain(value)
        for field in dataclasses.fields(record)
        if field.name not in skip and (value := getattr(record, field.name)) != _default(field)
    }


def load(kind: type[R], data: Mapping[str, Any], **more: Any) -> R:
    """A record from what :func:`dump` made of it.

    :param more: fields that were kept elsewhere, as they are
    """
    of: Any = kind
    readers = _readers(of)
    return kind(**{name: readers[name](value) for name, value in data.items()}, **more)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dump(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [_plain(one) for one in value]
    raise TypeError(f"{type(value).__name__} is not kept")


@functools.cache
def _readers(kind: Hashable) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(kind)
    return {name: _reader(hints[name]) for name in hints}


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (one for one in typing.get_args(hint) if one is not type(None))
        read = _reader(inner)
        return lambda value: None if value is None else read(value)
    if origin is tuple:
        return _as_tuple
    if hint is HostKey:
        return lambda value: HostKey(*value)
    if hint is dt.datetime:
        return dt.datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return lambda value: load(hint, value)
    return _same


def _as_tuple(value: Any) -> Any:
    return tuple(value)


def _same(value: Any) -> Any:
    return value
