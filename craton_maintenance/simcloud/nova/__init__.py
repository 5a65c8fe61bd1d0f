"""Nova's compute API v2.1, one module per resource."""
