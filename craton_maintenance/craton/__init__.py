"""The inventory as Craton's REST shows it, where Craton itself is not there.

The tables are those of :mod:`craton_maintenance.db.craton`; shapes and rules are
Craton's, its faults are left out.  What differs on purpose is listed in the
documentation, "Craton's REST".
"""
