"""Rows as they come, in the formats of cliff that can be written row by row."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

import yaml
from cliff.columns import FormattableColumn

Row = Sequence[Any]


def _machine(row: Row) -> list[Any]:
    return [x.machine_readable() if isinstance(x, FormattableColumn) else x for x in row]


def _cells(row: Row) -> list[str]:
    return ["" if x is None else str(x).replace("\n", ", ") for x in row]


def _json(head: Row, out: TextIO) -> Callable[[Row], None]:
    return lambda row: _line(out, json.dumps(dict(zip(head, _machine(row), strict=True))))


def _yaml(head: Row, out: TextIO) -> Callable[[Row], None]:
    def write(row: Row) -> None:
        document = [dict(zip(head, _machine(row), strict=True))]
        out.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))

    return write


def _csv(head: Row, out: TextIO) -> Callable[[Row], None]:
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(head)
    return lambda row: writer.writerow(
        [
            x if isinstance(x, int | float | str) else "" if x is None else json.dumps(x)
            for x in _machine(row)
        ]
    )


def _value(head: Row, out: TextIO) -> Callable[[Row], None]:
    return lambda row: _line(out, " ".join(str(x) for x in _machine(row)))


def _table(head: Row, out: TextIO) -> Callable[[Row], None]:
    widths = [len(x) for x in head]
    headed = False

    def write(row: Row) -> None:
        nonlocal headed
        cells = _cells(row)
        for index, cell in enumerate(cells):
            widths[index] = max(widths[index], len(cell))
        for cells_ in [list(head), cells] if not headed else [cells]:
            _line(out, "  ".join(x.ljust(n) for x, n in zip(cells_, widths, strict=True)).rstrip())
        headed = True

    return write


def _line(out: TextIO, text: str) -> None:
    out.write(text + "\n")


_WRITERS = {"json": _json, "yaml": _yaml, "csv": _csv, "value": _value}


def write(form: str, head: Sequence[str], rows: Iterable[Row], out: TextIO) -> None:
    """Write rows as they come; each is out before the next is asked for.

    :param form: a format of cliff's; json gives a line per row, yaml an endless list
    """
    emit = _WRITERS.get(form, _table)(head, out)
    out.flush()
    for row in rows:
        emit(row)
        out.flush()
