"""``db``: the database's schema."""

import argparse

from cliff.command import Command
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance.db import migrate
from craton_maintenance.db.database import Database, NotFit


class _DatabaseCommand(Command):
    """A command on the database that a configuration names."""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--config-file", action="append", default=[], metavar="FILE")
        parser.add_argument("--database", metavar="URL", help="instead of the configured one")
        return parser

    def take_action(self, args: argparse.Namespace) -> int:
        try:
            overrides = {("database", "connection"): args.database} if args.database else {}
            conf = configuration.load(args.config_file, overrides)
            self.act(Database(conf.database.connection))
        except (NotFit, cfg.Error) as error:
            raise RuntimeError(str(error)) from None
        return 0

    def act(self, database: Database) -> None:
        raise NotImplementedError


class Upgrade(_DatabaseCommand):
    """Make or upgrade our tables; Craton's are made where there are none, else left alone."""

    def act(self, database: Database) -> None:
        before = migrate.current(database)
        migrate.upgrade(database)
        after = migrate.current(database)
        self.app.stdout.write(
            f"at revision {after}\n"
            if before == after
            else f"upgraded from {before or 'nothing'} to revision {after}\n"
        )


class Version(_DatabaseCommand):
    """Show the schema's revision, and the one that this version needs."""

    def act(self, database: Database) -> None:
        self.app.stdout.write(
            f"database: {migrate.current(database) or 'none'}\nneeded: {migrate.newest()}\n"
        )
