"""Processes are killed at any moment, the broker comes and goes, and nothing is lost."""
