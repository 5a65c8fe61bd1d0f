"""The main job on embedded parts, to look at: SQLite, a simulated cloud, one process."""
