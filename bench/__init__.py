"""Measurements: ``make bench``, or ``python -m bench NAME...`` for some of them.

Each module measures one thing and says at its top what is compared with what.
Every result is one line of JSON on standard output; see :mod:`bench.result`.
Databases and brokers are found as the tests find them (``tests/support/reachable``),
what is made there is removed again, and what cannot be reached is not measured.
"""
