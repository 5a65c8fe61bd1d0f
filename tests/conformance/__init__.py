"""The same checks on the simulated cloud and on a real one."""

import craton_maintenance  # noqa: F401  it has to come before oslo.messaging
