"""What can be done with windows: set, change, cancel, start, finish, bring up to date.

Each is one transaction that holds the change and its events.  The API, the
engine and Craton's variables all go through here; decisions are in ``domain``.
"""
