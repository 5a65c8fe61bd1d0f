"""Adapters: other systems are kept quiet about hosts that are down on purpose.

What they are told follows from where sessions stand: ``engine.adapters`` compares what should
be with what is, again and again, so that it ends with the work whatever happens on the way.
"""
