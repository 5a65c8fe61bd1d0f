"""The inventory: what Nova has, and what of it becomes Craton's."""
