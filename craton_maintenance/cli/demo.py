"""``demo``: the main job on embedded parts."""

import argparse
import logging

from cliff.command import Command

from craton_maintenance.demo import stage, story


class Demo(Command):
    """Show the main job on a simulated cloud: a rolling maintenance that projects agree to.

    Runs the whole service in this process on SQLite. An operator sets a window, which is
    announced, and starts a session, which takes three hosts through maintenance as two
    projects' applications wish. Leaves nothing behind; takes about twenty seconds. Exits
    with 1 if anything was not as it should be.
    """

    auth_required = False

    def take_action(self, args: argparse.Namespace) -> int:
        out = self.app.stdout
        logging.getLogger().setLevel(logging.ERROR)
        try:
            with stage.embedded() as running:
                checked = story.Story(running, out).tell()
        except story.Failed as failure:
            out.write(f"\nFAILED: {failure}\n")
            return 1
        out.write("\nDone:\n" + "".join(f"  - {words}\n" for words in checked))
        out.write(
            "\nTry it yourself: craton-maintenance serve --simulate, and elsewhere\n"
            "  craton-maintenance session start --aggregate racks-b\n"
        )
        return 0
