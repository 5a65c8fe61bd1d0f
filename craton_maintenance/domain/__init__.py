"""Pure decisions.

Nothing in here imports more than the standard library.  The clock, ids and
randomness are arguments, so that every decision can be replayed and tested
against a slow oracle.  This package can be read without the rest.
"""
