"""A maintenance session: one window carried out host by host, with the projects concerned.

Read :mod:`model` first (the words), then :mod:`machine` (what follows from what).
Everything here is a function of a session, what came in, and what is known at that
moment; nothing is read or written, and the time is an argument.
"""
