"""Resources: thin, one module for each; what they do is elsewhere."""
