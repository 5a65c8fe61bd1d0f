"""The engine: what happens without a request.

Windows open and close, the inventory is synchronised, events are delivered.
Each is a worker: a thread that does one thing and is told how long to wait.
Several engines may run; what only one may do is under a lease.
"""
