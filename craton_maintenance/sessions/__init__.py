"""What can be done with sessions: make one, order it about, answer it, wish for something.

What comes in is checked, stored as a row, and decided on by the engine; decisions are in
``domain.session``.
"""
