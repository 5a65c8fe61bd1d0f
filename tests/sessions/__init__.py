"""Sessions on a simulated cloud and a clock that tests move."""
