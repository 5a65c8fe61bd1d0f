"""A project has read what it is asked: from then on its time to answer runs."""

from collections.abc import Iterable

from craton_maintenance.db import notices
from craton_maintenance.db.database import Transaction
from craton_maintenance.service import Service


def read(service: Service, project_id: str, notice_ids: Iterable[str]) -> None:
    """Note that these notices are in the project's hands; writes only where that is news.

    To be called for reads by the project itself, never for an operator's.
    """
    ids = sorted(set(notice_ids))
    if not ids or service.conf.sessions.handover not in ("any", "read"):
        return
    with service.database.read() as connection:
        rows = [
            row
            for row in notices.waiting(connection, ids).values()
            if row.project_id == project_id and row.delivered_at is None and notices.is_wanted(row)
        ]
    if not rows:
        return
    now = service.clock()

    def write(transaction: Transaction) -> None:
        notices.handed_over(transaction, rows, now)
        transaction.after_commit(service.session_news.set)

    service.database.write(write)
