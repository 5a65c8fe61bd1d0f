"""Tests on a real OpenStack: ``make test-cloud`` brings it up, see doc/source/testcloud.rst."""

# before oslo.messaging: it chooses oslo.service's threads
import craton_maintenance  # noqa: F401
