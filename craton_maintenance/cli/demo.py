"""``demo``: the main job on embedded parts."""

import argparse
import logging

from cliff.command import Command

from craton_maintenance.demo import stage, story


class Demo(Command):
    """Show the main job on a simulated cloud: windows, and who hears what of them.

    Runs the whole service in this process on SQLite, sets two maintenance windows, and
    shows what two projects hear.  Leaves nothing behind; takes about ten seconds.  Exits
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
        out.write("\nTry it yourself: craton-maintenance serve --simulate\n")
        return 0
