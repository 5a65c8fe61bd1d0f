"""What the simulated cloud does otherwise than the real one, and why.

A check that is listed here has to fail on the simulated cloud: one that passes there fails the
tests, so that the list stays true. On the real cloud all checks have to pass.
"""

#: name of the check: reason
DIFFERENCES: dict[str, str] = {
    "test_highest_version_is_zeds": (
        "The real cloud is of the Zed release. The simulated one offers the microversions that "
        "came since, up to 2.96, so that clients meet them before their clouds do."
    ),
    "test_live_migrations_events": (
        "An instance action has one event, of the service that was asked first; what each of the "
        "services did is left out. Action, message and outcome are as in Nova."
    ),
    "test_refused_moves_notification_has_the_request": (
        "What the scheduler was asked for is null in compute_task.migrate_server.error: it would "
        "repeat the flavor and the group of the server."
    ),
    "test_boots_notification_has_a_form_of_its_own": (
        "instance.create.start and .end have the form of all other actions on a server; key "
        "pairs, tags and certificates are missing."
    ),
    "test_shutdown_at_deletion_is_notified": (
        "A deletion is instance.delete.start and .end; that the server is shut down between them "
        "is not told."
    ),
    "test_server_groups_notifications": "Changes of server groups are not notified.",
    "test_states_notifications": (
        "instance.update, several at every step of a server's life, is not sent: it says nothing "
        "that the notifications of actions do not say."
    ),
    "test_usage_is_notified_at_moves": "instance.exists, for accounting, is not sent.",
    "test_schedulers_notifications": "Questions to the scheduler are not notified.",
}
