"""A maintenance session: one window carried out host by host, with the projects concerned.

Read :mod:`states` and :mod:`records` first (the words), then :mod:`machine` (what follows
from what); :mod:`hosts` and :mod:`servers` are its two halves.  Everything here is a
function of a session, what came in (:mod:`inputs`), and what is known at that moment
(:mod:`known`); what has to be done comes out as :mod:`commands`.  Nothing is read or
written, and the time is an argument.
"""
