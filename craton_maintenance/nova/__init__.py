"""What we ask of Nova."""
