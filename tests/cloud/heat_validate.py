"""Has the real Heat read a template and check its resources; run by Debian's own Python.

No Heat service is needed: its engine's code parses, resolves and validates in this process,
with a user's credentials from OS_*.  Prints, as JSON by name of resource, what Heat would
send to Aodh for each alarm.
"""

import json
import os
import sys

from heat.common import context, template_format
from heat.engine import environment, resources, stack, template
from keystoneauth1.identity import v3
from oslo_config import cfg


def main():
    path, parameters = sys.argv[1], json.loads(sys.argv[2])
    with open(path, encoding="utf-8") as file:
        found = template_format.parse(file.read())
    cfg.CONF([], project="heat", default_config_files=[])
    resources.initialise()
    user = v3.Password(
        auth_url=os.environ["OS_AUTH_URL"],
        username=os.environ["OS_USERNAME"],
        password=os.environ["OS_PASSWORD"],
        project_id=os.environ["OS_PROJECT_ID"],
        user_domain_name="Default",
    )
    who = context.RequestContext(
        auth_plugin=user,
        project_id=os.environ["OS_PROJECT_ID"],
        auth_url=os.environ["OS_AUTH_URL"],
        region_name=os.environ["OS_REGION_NAME"],
        roles=["member"],
        is_admin=False,
    )
    known = environment.Environment({"parameters": parameters})
    made = stack.Stack(who, "maintenance", template.Template(found, env=known))
    made.validate()
    print(
        json.dumps(
            {name: one.get_alarm_props(one.properties) for name, one in made.items()},
            default=str,
        )
    )


if __name__ == "__main__":
    main()
