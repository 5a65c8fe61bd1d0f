"""The commands: ``craton-maintenance ...``, and the same as ``openstack maintenance ...``.

One class per command, written once.  What a command asks of the service goes
through ``client``, and where that is and who asks is found out in ``connect``,
only when a command asks for it: commands of the server need neither.
"""
