"""How many members of a group may be out at a time."""

import datetime as dt

from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.known import GroupConstraint
from craton_maintenance.domain.session.records import Server


def limits(draft: Draft, group_id: str) -> GroupConstraint:
    """What a group's owner wishes, else one member at a time and no rest."""
    return draft.known.groups.get(group_id, GroupConstraint())


def members_out(draft: Draft, group_id: str) -> int:
    """Members that are out now, in this session and in all others."""
    here = sum(
        1 for server in draft.servers.values() if server.out and server.group_id == group_id
    )
    return here + draft.known.elsewhere.get(group_id, 0)


def allows(draft: Draft, server: Server) -> bool:
    """Whether one more member of the server's group may be out."""
    if server.group_id is None or server.out:
        return True
    return (
        members_out(draft, server.group_id) < limits(draft, server.group_id).max_impacted_members
    )


def recovered_at(draft: Draft, server: Server) -> dt.datetime | None:
    """When a member that is back does not count as out any more; None: it is not back."""
    if server.back_at is None:
        return None
    rest = 0.0 if server.group_id is None else limits(draft, server.group_id).recovery_time
    return server.back_at + dt.timedelta(seconds=rest)


def tick(draft: Draft) -> None:
    """Members that have recovered count no more."""
    for server in list(draft.servers.values()):
        if server.out:
            recovered = recovered_at(draft, server)
            if recovered is not None and recovered <= draft.now:
                draft.server(server.id, out=False)
