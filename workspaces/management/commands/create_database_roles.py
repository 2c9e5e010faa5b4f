"""Create or repair the database roles: `manage.py create_database_roles ADMIN_URL`."""

import os
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.database.roles import APP, BACKUP, OWNER, RoleSetupError, create_database_roles

PASSWORDS = {role: f"{role.upper()}_PASSWORD" for role in (OWNER, APP, BACKUP)}


class Command(BaseCommand):
    help = (
        "Creates or repairs the database roles. ADMIN_URL is an administrator's login to the"
        f" console's database; the passwords are read from {', '.join(PASSWORDS.values())}."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("admin_url")

    def handle(self, *args: Any, admin_url: str, **options: Any) -> None:
        missing = [name for name in PASSWORDS.values() if not os.environ.get(name)]
        if missing:
            raise CommandError(f"Set {', '.join(missing)} in the environment.")
        passwords = {role: os.environ[name] for role, name in PASSWORDS.items()}
        try:
            with psycopg.connect(admin_url, autocommit=True) as connection:
                create_database_roles(connection, passwords)
        except (psycopg.OperationalError, RoleSetupError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The database roles are ready.")
