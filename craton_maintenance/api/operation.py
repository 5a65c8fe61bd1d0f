"""One decorator that declares and enforces everything about an operation.

It says which policy decides, and which schemas the query, the body and the
answer have.  All of it happens before the method runs; the OpenAPI document is
made from the same declarations.
"""

import dataclasses
import functools
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import flask
import sqlalchemy as sa
from oslo_policy import policy

from craton_maintenance import schema
from craton_maintenance.api.auth import Caller
from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import idempotency_keys
from craton_maintenance.errors import Code, Field, Problem, not_found
from craton_maintenance.service import Service

M = TypeVar("M", bound=Callable[..., Any])

#: PostgreSQL keeps no NUL, and half of a surrogate pair is no character: JSON can write it,
#: UTF-8 can't.
_UNFIT = re.compile("[\0\ud800-\udfff]")

#: Levels of a body; ours have five.
_DEEPEST = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """What is declared about a method."""

    #: rule that lets operators in, with everything to see; None: open to everybody
    operator: str | None
    #: rule that lets a project's users in, with their own part to see
    project: str | None
    #: schemas by name; a body of None: no body is taken
    query: str
    body: str | None
    answer: str | None
    #: the usual status
    status: int
    #: other media types that it answers with
    also: tuple[str, ...] = ()
    #: other statuses of success
    more: tuple[int, ...] = ()
    #: whether If-Match is looked at
    generations: bool = False
    #: whether If-None-Match is looked at, and answered 304
    conditional: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in, and is valid."""

    service: Service
    caller: Caller
    #: whether an operator is calling, who sees everything
    is_operator: bool
    query: Mapping[str, Any]
    body: Any

    @property
    def project_id(self) -> str:
        """The project whose part is asked for; only where no operator is calling."""
        if self.caller.project_id is None:
            raise Problem(403, Code.FORBIDDEN, "The token is not scoped to a project.")
        return self.caller.project_id

    @property
    def revision(self) -> int | None:
        """The revision that If-Match names, None where any will do.

        :raises Problem: 400 if it is not one of ours
        """
        tag = flask.request.headers.get("If-Match")
        if tag is None or tag.strip() == "*":
            return None
        found = re.fullmatch(r'\s*(?:W/)?"?(\d{1,9})"?\s*', tag)
        if not found:
            raise Problem(
                400,
                Code.INVALID,
                "If-Match: is not an ETag that we gave.",
                [Field("If-Match", "is not an ETag that we gave")],
            )
        return int(found[1])

    def transact(self, work: Callable[[Transaction], Answer]) -> Answer:
        """Run ``work`` in a transaction; once per Idempotency-Key.

        The key's row is in the same transaction as the work: a repeated request
        gets the first one's answer, or does the work if that was never committed.

        :raises Problem: 422 if the key was used for something else
        """
        key = flask.request.headers.get("Idempotency-Key")
        if key is None or flask.request.method != "POST":
            return self.service.database.write(work)
        if not 1 <= len(key) <= 255:
            raise Problem(
                400,
                Code.INVALID,
                "Idempotency-Key: has 1 to 255 characters.",
                [Field("Idempotency-Key", "has 1 to 255 characters")],
            )
        return self.service.database.write(lambda transaction: self._once(transaction, key, work))

    def _once(
        self, transaction: Transaction, key: str, work: Callable[[Transaction], Answer]
    ) -> Answer:
        who = [self.caller.user_id, self.caller.project_id, key]
        what = [flask.request.method, flask.request.path, self.body]
        key_id, request = _digest(who), _digest(what)
        kept = transaction.execute(
            sa.select(idempotency_keys).where(idempotency_keys.c.id == key_id).with_for_update()
        ).one_or_none()
        if kept is not None:
            if kept.request != request:
                raise Problem(
                    422,
                    Code.IDEMPOTENCY_KEY_REUSED,
                    "This Idempotency-Key was used for another request: take a new one.",
                )
            return Answer(kept.answer, kept.status, kept.headers)
        # taken before the work: whoever sends the same key meanwhile waits here, gets a
        # duplicate key when this is committed, and finds the answer when it is repeated
        bulk.insert(
            transaction,
            idempotency_keys,
            [
                {
                    "id": key_id,
                    "request": request,
                    "status": 0,
                    "answer": {},
                    "headers": {},
                    "created_at": self.service.clock(),
                }
            ],
        )
        answer = work(transaction)
        transaction.execute(
            sa.update(idempotency_keys)
            .where(idempotency_keys.c.id == key_id)
            .values(status=answer.status, answer=answer.body, headers=dict(answer.headers))
        )
        return answer


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def operation(
    *,
    operator: str | None = None,
    project: str | None = None,
    query: str = "no-query",
    body: str | None = None,
    answer: str | None = None,
    status: int = 200,
    also: tuple[str, ...] = (),
    more: tuple[int, ...] = (),
    generations: bool = False,
    conditional: bool = False,
    open_to_all: bool = False,
) -> Callable[[M], M]:
    """Declare a method of a resource; see :class:`Operation`.

    The method is called with a :class:`Call` and the path's variables, and returns
    an :class:`Answer`, a body, or a Flask response.

    :param open_to_all: nobody has to be authenticated; said, never forgotten
    """
    if (operator is None and project is None) is not open_to_all:
        raise TypeError("an operation has a policy rule, or says that it is open to all")
    declared = Operation(
        operator, project, query, body, answer, status, also, more, generations, conditional
    )

    def decorate(method: M) -> M:
        @functools.wraps(method)
        def run(resource: Any, **path: Any) -> flask.Response:
            call = _let_in(declared)
            if any("\0" in part for part in path.values()):
                raise not_found("name")
            result = method(resource, call, **path)
            if isinstance(result, flask.Response):
                return result
            made = result if isinstance(result, Answer) else Answer(result, declared.status)
            return _respond(call.service, declared, made)

        run.operation = declared  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return decorate


def _let_in(declared: Operation) -> Call:
    """Authenticate, enforce policy, then look at what was sent; in this order."""
    app = flask.current_app
    service: Service = app.extensions["maintenance"]
    caller, is_operator = _enforce(declared)
    flask.g.enforced = True
    return Call(service, caller, is_operator, _query(declared.query), _body(declared.body))


def _enforce(declared: Operation) -> tuple[Caller, bool]:
    if declared.operator is None and declared.project is None:
        return Caller("anybody", None, frozenset()), False
    app = flask.current_app
    caller: Caller = app.extensions["maintenance-auth"](flask.request.environ)
    enforcer: policy.Enforcer = app.extensions["maintenance-policy"]
    credentials = caller.credentials()
    if declared.operator and enforcer.enforce(declared.operator, {}, credentials):
        return caller, True
    target = {"project_id": caller.project_id}
    if (
        declared.project
        and caller.project_id
        and enforcer.enforce(declared.project, target, credentials)
    ):
        return caller, False
    raise Problem(403, Code.FORBIDDEN, "Your roles do not allow this operation.")


def _query(name: str) -> dict[str, Any]:
    """The query, its values as the types that the schema says.

    :raises Problem: 400 naming the parameter
    """
    known = schema.documents()[name].get("properties", {})
    given: dict[str, Any] = {}
    for key, values in flask.request.args.lists():
        if len(values) > 1:
            raise _invalid([(key, "is given more than once")])
        given[key] = _typed(values[0], _type_of(known.get(key, {})))
    unfit = list(_unfit(given))
    if unfit:
        raise _invalid(unfit)
    try:
        schema.check(name, given)
    except schema.Invalid as invalid:
        raise _invalid(invalid.problems) from None
    return given


def _type_of(declared: Mapping[str, Any]) -> str | None:
    if "$ref" in declared:
        document, _, name = declared["$ref"].partition(".json#/$defs/")
        declared = schema.documents()[document]["$defs"][name]
    return declared.get("type")


def _typed(value: str, kind: str | None) -> Any:
    if kind == "integer" and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    if kind == "boolean" and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    return value


def _body(name: str | None) -> Any:
    """The body, valid; a body where none is taken is ignored.

    :raises Problem: 400, 413
    """
    if name is None:
        return None
    request = flask.request
    if request.mimetype != "application/json":
        raise Problem(
            400, Code.NOT_JSON, "The body must be JSON, sent with Content-Type: application/json."
        )
    try:
        document = json.loads(
            request.get_data().decode("utf-8"), parse_constant=_no_constant, parse_float=_number
        )
    except (ValueError, RecursionError) as error:
        raise Problem(400, Code.NOT_JSON, f"The body is not JSON: {error}.") from None
    unfit = list(_unfit(document))
    if unfit:
        raise _invalid(unfit)
    try:
        schema.check(name, document)
    except schema.Invalid as invalid:
        raise _invalid(invalid.problems) from None
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


def _number(text: str) -> int | float:
    """A number: ``1.0`` is an integer to JSON Schema, so it is one to us."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _unfit(document: Any, field: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """What a database can't keep, or we can't walk through, with what is wrong with it."""
    if depth > _DEEPEST:
        yield field, f"is nested more than {_DEEPEST} deep"
    elif isinstance(document, str):
        if _UNFIT.search(document):
            yield field, "contains a NUL or half of a surrogate pair"
    elif isinstance(document, dict):
        for key, value in document.items():
            if _UNFIT.search(key):
                yield field, "contains a name with a NUL or half of a surrogate pair"
            else:
                yield from _unfit(value, f"{field}/{key}" if field else key, depth + 1)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from _unfit(value, f"{field}/{index}" if field else str(index), depth + 1)


def _invalid(problems: list[tuple[str, str]]) -> Problem:
    shown = [(field or "body", problem) for field, problem in problems[:20]]
    words = "; ".join(f"{field}: {problem}" for field, problem in shown)
    return Problem(400, Code.INVALID, words, [Field(field, problem) for field, problem in shown])


def _respond(service: Service, declared: Operation, answer: Answer) -> flask.Response:
    if service.conf.api.validate_answers and declared.answer and answer.status < 300:
        schema.check(declared.answer, answer.body)
    text = "" if answer.body is None else json.dumps(answer.body, separators=(",", ":")) + "\n"
    response = flask.Response(text, answer.status, mimetype="application/json")
    if answer.body is None:
        response.headers.remove("Content-Type")
    response.headers.extend(answer.headers)
    return response
