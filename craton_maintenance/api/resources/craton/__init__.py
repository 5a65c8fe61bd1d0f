"""Craton's own paths, served where Craton is not there; and its projects bound to Nova's."""
