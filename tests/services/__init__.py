"""The real databases and brokers."""
