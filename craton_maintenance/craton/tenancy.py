"""Whose rows a caller may know of.

Craton skips its project filter for every admin; here only roots see what is not
their own project's.
"""

import dataclasses
import datetime as dt
from typing import Any

import sqlalchemy as sa

from craton_maintenance.craton.kinds import PROJECT, Kind
from craton_maintenance.db import craton
from craton_maintenance.db.database import Transaction


@dataclasses.dataclass(frozen=True, slots=True)
class Tenant:
    """The Craton project that somebody acts in."""

    #: 32 hex digits
    project: str
    #: whether other projects' rows are seen and changed too
    is_root: bool

    def sees(self, kind: Kind) -> sa.ColumnElement[bool]:
        """A condition on rows of this kind."""
        if self.is_root:
            return sa.true()
        column = kind.table.c.id if kind is PROJECT else kind.table.c.project_id
        return column == self.project

    def ensure(self, transaction: Transaction, stamp: dt.datetime) -> None:
        """Make the project's row where there is none yet; what is created refers to it."""
        there = sa.select(craton.projects.c.id).where(craton.projects.c.id == self.project)
        if transaction.execute(there).first() is None:
            association = new_association(transaction, PROJECT, stamp)
            transaction.execute(
                sa.insert(craton.projects).values(
                    id=self.project,
                    name=self.project,
                    variable_association_id=association,
                    created_at=stamp,
                )
            )


def new_association(transaction: Transaction, kind: Kind, stamp: dt.datetime) -> int:
    """The id of a new row that the variables of one object hang on."""
    result = transaction.execute(
        sa.insert(craton.variable_association).values(
            discriminator=kind.discriminator, created_at=stamp
        )
    )
    return int(inserted(result))


def inserted(result: sa.CursorResult[Any]) -> Any:
    """The primary key of the one row that was inserted."""
    made = result.inserted_primary_key
    assert made is not None  # noqa: S101 - a plain INSERT of one row always has one
    return made[0]
