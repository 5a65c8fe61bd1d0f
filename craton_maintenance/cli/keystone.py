"""``keystone setup``: what the service needs in Keystone, made once and kept as asked.

Each thing is looked for before it is made, so that repeating the command changes
nothing, and ``--check`` takes the same way without the last step.
"""

import argparse
import contextlib
import dataclasses
import getpass
import os
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any

from cliff.lister import Lister
from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance.cli import connect
from craton_maintenance.cli.client import ClientError, Unreachable, one_line, why

#: Where the password of the service user is read from.
PASSWORD = "CRATON_MAINTENANCE_SERVICE_PASSWORD"  # noqa: S105 - the name of a variable
NAME = "craton-maintenance"
INTERFACES = ("public", "internal", "admin")
#: What the service user has to be: it reads all of Nova, and checks others' tokens.
ROLES_OF_USER = ("admin", "service")
#: What the API's policy asks of callers.
ROLES_OF_CALLERS = ("member", "reader")

_DESCRIPTION = "Planned maintenance"
_SAME = "as it was"
#: How long Keystone may take for an answer, in seconds.
_TIMEOUT = 60

Json = dict[str, Any]
Row = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Wish:
    """What shall be in Keystone."""

    #: interface to URL
    endpoints: dict[str, str]
    #: None: the one of the credentials, or the only one there is
    region: str | None
    #: None: ``craton-maintenance``, or whatever a service of our type is called
    service_name: str | None
    user: str
    project: str
    #: of user and project, by name
    domain: str
    #: whether a user that is there gets the password too
    reset_password: bool


class Setup(Lister):
    """Register the service in Keystone, and make its user and the roles it needs.

    Asks as an administrator, with the credentials of clouds.yaml or the OS_* variables.
    What is there already stays as it is; an address that changed is updated.  The
    password of the service user is read from CRATON_MAINTENANCE_SERVICE_PASSWORD, or
    asked for, and only when the user is made.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--config-file", action="append", default=[], metavar="FILE")
        parser.add_argument(
            "--url",
            metavar="URL",
            help="address of the service as clients reach it, ending in /v1; "
            "default: [api] public_url of the configuration",
        )
        parser.add_argument(
            "--internal-url",
            metavar="URL",
            help="address for other services, also of the admin interface; default: --url",
        )
        parser.add_argument(
            "--interface",
            action="append",
            choices=INTERFACES,
            help="register only this interface; may be repeated; default: all three",
        )
        parser.add_argument(
            "--region", help="region of the endpoints; default: that of the credentials"
        )
        parser.add_argument(
            "--service-name",
            metavar="NAME",
            help=f"name in the catalogue; default: {NAME}, or what is there",
        )
        parser.add_argument(
            "--user", default="maintenance", help="the service user; default: maintenance"
        )
        parser.add_argument(
            "--project", default="service", help="the service user's; default: service"
        )
        parser.add_argument(
            "--domain", default="Default", help="of user and project; default: Default"
        )
        parser.add_argument(
            "--reset-password",
            action="store_true",
            help="give the user the password even if the user is there already",
        )
        parser.add_argument(
            "--check", action="store_true", help="show what would be done, and change nothing"
        )
        return parser

    def take_action(self, args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        wish = _wish(args, self._url(args))
        region, session = connect.keystone(self.app_args or args)
        if wish.region is None:
            wish = dataclasses.replace(wish, region=region.get_region_name("identity"))
        asker = adapter.Adapter(
            session,
            service_type="identity",
            interface=region.get_interface("identity") or "public",
            region_name=region.get_region_name("identity") or None,
            min_version="3.0",
            max_version="3.latest",
            client_name=NAME,
        )
        with _in_words(asker):
            rows = list(Keystone(asker, args.check).fulfil(wish))
        self.app.stderr.write(_summary(rows, args.check) + "\n")
        return ("Thing", "Value", "Done"), rows

    def _url(self, args: argparse.Namespace) -> str:
        # --url is an option of the application too, which then takes it from our line
        given = args.url or getattr(self.app_args, "url", None)
        if not given:
            try:
                given = configuration.load(args.config_file).api.public_url
            except cfg.Error as error:
                raise ClientError(str(error)) from None
        if not given:
            raise ClientError(
                "the address of the service is missing: give --url, or [api] public_url "
                "in --config-file"
            )
        return connect.v1(str(given))


def _wish(args: argparse.Namespace, url: str) -> Wish:
    internal = connect.v1(args.internal_url) if args.internal_url else url
    urls = {"public": url, "internal": internal, "admin": internal}
    return Wish(
        endpoints={name: urls[name] for name in args.interface or INTERFACES},
        region=args.region,
        service_name=args.service_name,
        user=args.user,
        project=args.project,
        domain=args.domain,
        reset_password=args.reset_password,
    )


def _summary(rows: list[Row], check: bool) -> str:
    changes = sum(done != _SAME for _, _, done in rows)
    if not changes:
        return "Nothing to change."
    things = f"{changes} thing{'s'[: changes != 1]}"
    return f"{things} would be changed." if check else f"Changed {things}."


class Keystone:
    """What we look for in Keystone, and make where it is missing.

    :param check: make and change nothing, only say what would be
    """

    def __init__(self, asker: adapter.Adapter, check: bool) -> None:
        self._asker = asker
        self._check = check

    def fulfil(self, wish: Wish) -> Iterator[Row]:
        """Make what is missing.

        :returns: for each thing what it is, its value, and what was done
        """
        region, domain = self._region(wish.region), self._domain(wish.domain)
        # before anything is made: nothing is left half-done for want of a password
        user = self._user(wish, domain)
        password = self._password(wish) if user is None or wish.reset_password else None
        service, *rows = self._service(wish.service_name)
        yield from rows
        for interface, url in wish.endpoints.items():
            yield self._endpoint(service, region, interface, url)
        roles = {}
        for role in (*ROLES_OF_USER, *ROLES_OF_CALLERS):
            roles[role], done = self._ensure("role", {"name": role})
            yield "role", role, done
        project, done = self._ensure("project", {"name": wish.project, "domain_id": domain})
        yield "project", wish.project, done
        if user is None:
            about = {"name": wish.user, "domain_id": domain, "description": _DESCRIPTION}
            user_id = self._make("user", about | {"password": password})
            yield "user", wish.user, self._said("made")
        else:
            user_id = user["id"]
            yield "user", wish.user, _SAME
            if wish.reset_password:
                self._change("user", user_id, {"password": password})
                yield "password", f"of {wish.user}", self._said("changed")
        for role in ROLES_OF_USER:
            done = self._assign(project, user_id, roles[role])
            yield "role of user", f"{wish.user}: {role} in {wish.project}", done

    def _region(self, name: str | None) -> str:
        known = sorted(region["id"] for region in self._get("/regions")["regions"])
        if not name and len(known) == 1:
            return str(known[0])
        if name not in known:
            what = f"Keystone has no region {name!r}" if name else "which region is not said"
            raise ClientError(f"{what}: give --region, one of {', '.join(known) or 'none'}")
        return str(name)

    def _domain(self, name: str) -> str:
        found = self._find("domain", {"name": name})
        if not found:
            raise ClientError(f"Keystone has no domain {name!r}: see --domain")
        return str(found[0]["id"])

    def _user(self, wish: Wish, domain: str) -> Json | None:
        found = self._find("user", {"name": wish.user, "domain_id": domain})
        if found and not found[0].get("enabled", True):
            raise ClientError(f"the user {wish.user!r} is disabled: enable it, or see --user")
        return found[0] if found else None

    def _password(self, wish: Wish) -> str | None:
        """The password; not asked for where it is not used."""
        if self._check:
            return None
        given = os.environ.get(PASSWORD)
        if given:
            return given
        if not sys.stdin.isatty():
            raise ClientError(
                f"the password for the user {wish.user!r} is missing: set {PASSWORD}"
            )
        first = getpass.getpass(f"Password for the user {wish.user}: ")
        if not first or first != getpass.getpass("Again: "):
            raise ClientError("the passwords differ, or are empty; nothing was changed")
        return first

    def _service(self, name: str | None) -> tuple[str | None, Row]:
        found = self._find("service", {"type": connect.SERVICE_TYPE})
        named = [service for service in found if service.get("name") == (name or NAME)]
        if not named and name is None:
            if len(found) > 1:
                names = ", ".join(sorted(str(service.get("name")) for service in found))
                raise ClientError(
                    f"Keystone has several services of type {connect.SERVICE_TYPE!r}: "
                    f"give --service-name, one of {names}"
                )
            named = found
        called = str(named[0].get("name") if named else name or NAME)
        shown = f"{connect.SERVICE_TYPE}: {called}"
        if named:
            if named[0].get("enabled", True):
                return named[0]["id"], ("service", shown, _SAME)
            self._change("service", named[0]["id"], {"enabled": True})
            return named[0]["id"], ("service", shown, self._said("enabled"))
        about = {"type": connect.SERVICE_TYPE, "name": called, "description": _DESCRIPTION}
        return self._make("service", about), ("service", shown, self._said("made"))

    def _endpoint(self, service: str | None, region: str, interface: str, url: str) -> Row:
        what = f"{interface} endpoint"
        where = {"service_id": service, "interface": interface, "region_id": region}
        found = self._find("endpoint", where) if service else []
        if any(one["url"] == url and one.get("enabled", True) for one in found):
            return what, f"{region}: {url}", _SAME
        if found:
            self._change("endpoint", found[0]["id"], {"url": url, "enabled": True})
            before = "disabled" if found[0]["url"] == url else found[0]["url"]
            return what, f"{region}: {url}", self._said(f"changed, was {before}")
        self._make("endpoint", where | {"url": url})
        return what, f"{region}: {url}", self._said("made")

    def _assign(self, project: str | None, user: str | None, role: str | None) -> str:
        path = f"/projects/{project}/users/{user}/roles/{role}"
        if project and user and role:
            answer = self._asker.head(path, raise_exc=False, timeout=_TIMEOUT)
            if answer.status_code == 204:
                return _SAME
            if answer.status_code != 404:
                raise ksa.from_response(answer, "HEAD", path)
        if not self._check:
            self._asker.put(path, timeout=_TIMEOUT)
        return self._said("made")

    def _ensure(self, kind: str, about: Json) -> tuple[str | None, str]:
        found = self._find(kind, about)
        if found:
            return found[0]["id"], _SAME
        return self._make(kind, about), self._said("made")

    def _said(self, done: str) -> str:
        return f"would be {done}" if self._check else done

    def _get(self, path: str) -> Json:
        answer: Json = self._asker.get(path, timeout=_TIMEOUT).json()
        return answer

    def _find(self, kind: str, about: Json) -> list[Json]:
        query = urllib.parse.urlencode(about)
        found = self._get(f"/{kind}s?{query}")[f"{kind}s"]
        # Keystone passes over filters that it does not know
        return [one for one in found if all(one.get(key) == about[key] for key in about)]

    def _make(self, kind: str, about: Json) -> str | None:
        if self._check:
            return None
        # without a log: it would show the password
        answer = self._asker.post(f"/{kind}s", json={kind: about}, timeout=_TIMEOUT, log=False)
        return str(answer.json()[kind]["id"])

    def _change(self, kind: str, ident: str, about: Json) -> None:
        if not self._check:
            self._asker.patch(f"/{kind}s/{ident}", json={kind: about}, timeout=_TIMEOUT, log=False)


@contextlib.contextmanager
def _in_words(asker: adapter.Adapter) -> Iterator[None]:
    """Say what went wrong as an operator understands it."""
    where = getattr(asker.session.auth, "auth_url", None) or "its address"
    try:
        yield
    except ksa.Forbidden as problem:
        raise ClientError(
            f"Keystone refuses (403): {one_line(problem)} - the credentials must be those of "
            "an administrator; what was done before stays, and is found when this is repeated"
        ) from problem
    except ksa.Unauthorized as problem:
        raise ClientError(f"cannot log in at Keystone: {one_line(problem)}") from problem
    except ksa.ConnectionError as problem:
        raise Unreachable(f"cannot reach Keystone at {where} ({why(problem)})") from problem
    except ksa.ClientException as problem:
        raise ClientError(f"Keystone at {where}: {one_line(problem)}") from problem
