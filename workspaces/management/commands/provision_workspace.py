"""Provision a workspace from a shell, as the admin site's form does."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError

from accounts.provisioning import set_password_path
from workspaces.models import Workspace
from workspaces.provisioning import provision_workspace
from workspaces.scope import platform_scope


class Command(BaseCommand):
    help = "Makes a workspace with its owner, whose account is made if it is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--slug", required=True, help="stands in the address: /w/SLUG/")
        parser.add_argument("--owner", required=True, metavar="EMAIL")

    def handle(self, *args: Any, name: str, slug: str, owner: str, **options: Any) -> None:
        workspace = Workspace(name=name, slug=slug)
        try:
            validate_email(owner)
            with platform_scope("validate a new workspace"):
                workspace.full_clean()
            made = provision_workspace(workspace, owner)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except IntegrityError as error:
            raise CommandError(f"Nothing was made: {error.__cause__}") from error
        self.stdout.write(f"Workspace {workspace.name}: /w/{workspace.slug}/")
        if made.owner_is_new:
            with platform_scope("make a set-password link"):
                path = set_password_path(made.owner)
            self.stdout.write(f"{made.owner.email} sets a password, within three days, at {path}")
