"""Tests. What several folders use is in ``tests.support``."""
