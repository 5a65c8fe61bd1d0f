"""Craton's variables, out and in, on tables and rows as Craton makes them."""
