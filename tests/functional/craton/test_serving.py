"""Where Craton's paths are served, and that each is declared as all others."""

import pytest
import sqlalchemy as sa

from craton_maintenance import policies, schema
from craton_maintenance.api import routes
from craton_maintenance.api.app import create_app
from tests.support import databases, deployment
from tests.support.deployment import Api


@pytest.mark.parametrize(
    ("serve", "beside_craton", "status"),
    [
        ("auto", False, 200),
        ("auto", True, 404),
        ("always", True, 200),
        ("never", False, 404),
    ],
)
def test_served_where_craton_is_not(tmp_path, serve, beside_craton, status):
    with databases.migrated("sqlite", tmp_path) as database:
        if beside_craton:
            table = sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            database.write(lambda transaction: transaction.execute(table))
        service = deployment.service(database, overrides={("craton", "serve"): serve})
        api = Api(create_app(service))
        assert api.call("GET", "/v1/hosts").status_code == status
        shown = api.get("/v1/openapi.json")["paths"]
        assert ("/v1/hosts/{object_id}" in shown) is (status == 200)
        # bindings are ours: there also beside a Craton, where they are needed most
        assert "/v1/projects/{object_id}/binding" in shown


def test_every_operation_names_a_documented_rule_and_schemas():
    rules = {rule.name: rule for rule in policies.list_rules()}
    paths = routes.CRATON_V1 | {
        path: resource for path, resource in routes.V1.items() if path.startswith("/projects/")
    }
    for path, resource in paths.items():
        for method in ("get", "post", "put", "delete"):
            declared = getattr(getattr(resource, method, None), "operation", None)
            if declared is None:
                continue
            assert getattr(resource, method).__doc__, (path, method)
            shown = {"method": method.upper(), "path": f"/v1{path}"}
            shown["path"] = shown["path"].replace("<string:object_id>", "{object_id}")
            assert shown in rules[declared.operator].operations
            for name in (declared.query, declared.body, declared.answer):
                assert name is None or schema.validator(name)
