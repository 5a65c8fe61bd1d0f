"""Sessions carried out again and again, each time in another world that a seed decides on."""
