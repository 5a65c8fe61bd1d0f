"""Craton's paths on each of the three databases, for callers of every kind."""

import uuid
from collections.abc import Iterator
from typing import Any

import flask
import pytest
import sqlalchemy as sa

from craton_maintenance.api.app import create_app
from craton_maintenance.db import craton
from craton_maintenance.db.database import Database
from craton_maintenance.service import utcnow
from tests.support import databases, deployment
from tests.support.deployment import Api


@pytest.fixture(
    scope="package",
    params=[
        "sqlite",
        pytest.param("mariadb", marks=pytest.mark.services),
        pytest.param("postgresql", marks=pytest.mark.services),
    ],
)
def _migrated(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Database]:
    with databases.migrated(request.param, tmp_path_factory.mktemp("craton")) as database:
        yield database


@pytest.fixture
def database(_migrated: Database) -> Database:
    """A migrated database without rows."""
    # MariaDB deletes no host that is in another one, whatever else it deletes
    _migrated.write(
        lambda transaction: transaction.execute(sa.update(craton.devices).values(parent_id=None))
    )
    return databases.wiped(_migrated)


@pytest.fixture(scope="package")
def app(_migrated: Database) -> flask.Flask:
    return create_app(deployment.service(_migrated))


@pytest.fixture
def api(database: Database, app: flask.Flask) -> "Caller":
    """An operator without authentication, who sees everything."""
    return Caller(Api(app))


@pytest.fixture
def local(database: Database) -> "Local":
    """A deployment with Craton's users."""
    return Local(database)


class Caller:
    """Sends requests and insists on the status."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.api.call(method, f"/v1{path}", body)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        return answer.json if answer.text else None

    def get(self, path: str, status: int = 200) -> Any:
        return self("GET", path, None, status)

    def post(self, path: str, status: int = 201, **body: Any) -> Any:
        return self("POST", path, body, status)

    def put(self, path: str, status: int = 200, **body: Any) -> Any:
        return self("PUT", path, body, status)

    def delete(self, path: str, body: Any = None, status: int = 204) -> Any:
        return self("DELETE", path, body, status)

    def refused(self, method: str, path: str, status: int, field: str, body: Any = None) -> None:
        """A mistake of the client's, named."""
        answer = self(method, path, body, status)
        assert answer["status"] == status
        assert [error["field"] for error in answer["errors"]] == [field], answer

    def place(self, name: str = "1") -> tuple[int, int, int]:
        """A cloud, a region and a cell in it; their ids."""
        cloud = self.post("/clouds", name=f"cloud-{name}")["id"]
        region = self.post("/regions", name=f"region-{name}", cloud_id=cloud)["id"]
        cell = self.post("/cells", name=f"cell-{name}", cloud_id=cloud, region_id=region)["id"]
        return cloud, region, cell

    def host(self, name: str, place: tuple[int, ...], status: int = 201, **more: Any) -> Any:
        """A host in a place: cloud, region, and perhaps cell."""
        ids = dict(zip(("cloud_id", "region_id", "cell_id"), place, strict=False))
        fixed = {"ip_address": "10.0.0.1", "device_type": "server"}
        return self.post("/hosts", status=status, name=name, **fixed | ids | more)


class Local:
    """Callers with Craton's headers."""

    def __init__(self, database: Database) -> None:
        overrides = {("api", "auth"): "local"}
        self.database = database
        self.service = deployment.service(database, overrides=overrides)
        self.app = create_app(self.service)

    def project(self) -> str:
        """A new Craton project; 32 hex digits."""
        project = uuid.uuid4().hex

        def work(transaction: Any) -> None:
            transaction.execute(
                sa.insert(craton.projects).values(
                    id=project, name=project, **self._common(transaction, "project")
                )
            )

        self.database.write(work)
        return project

    def headers(self, project: str, name: str, **flags: bool) -> dict[str, str]:
        """A new user's headers, as Craton's client sends them."""
        key = uuid.uuid4().hex

        def work(transaction: Any) -> None:
            transaction.execute(
                sa.insert(craton.users).values(
                    project_id=project,
                    username=name,
                    api_key=key,
                    is_root=flags.get("is_root", False),
                    is_admin=flags.get("is_admin", False),
                    **self._common(transaction, "user"),
                )
            )

        self.database.write(work)
        return {
            "X-Auth-Project": str(uuid.UUID(project)),
            "X-Auth-User": name,
            "X-Auth-Token": key,
        }

    def user(self, project: str, name: str, **flags: bool) -> Caller:
        """A new user of a project."""
        return Caller(Api(self.app, self.headers(project, name, **flags)))

    def _common(self, transaction: Any, kind: str) -> dict[str, Any]:
        stamp = utcnow().replace(tzinfo=None, microsecond=0)
        made = transaction.execute(
            sa.insert(craton.variable_association).values(discriminator=kind, created_at=stamp)
        )
        return {"variable_association_id": made.inserted_primary_key[0], "created_at": stamp}
