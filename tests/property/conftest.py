"""How many examples: a fixed small sample, or many random ones with CRATON_MAINTENANCE_FULL."""

import hypothesis

from tests.property.samples import FULL

# an example's time says nothing where other processes share the machine
hypothesis.settings.register_profile(
    "sample", max_examples=60, derandomize=True, database=None, deadline=None
)
hypothesis.settings.register_profile(
    "full",
    max_examples=3000,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("full" if FULL else "sample")
