"""Database migrations; installed as ``craton_maintenance.migrations``."""
