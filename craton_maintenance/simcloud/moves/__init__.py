"""Moves of servers between hosts."""
