"""For Vitrage: hosts that are worked on, in its entity graph.

It runs inside vitrage-graph, with the libraries that Vitrage has there: so this package
stands beside ``craton_maintenance``, imports the standard library, Vitrage and what
Vitrage itself is made of, and is of use alone, installed by ``pip install --no-deps`` or
copied. Vitrage looks for datasources in the packages of ``[datasources] path``; this one
has the datasource ``maintenance``.
"""
