"""Make a workspace's secrets unreadable for good."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.models import Workspace
from workspaces.scope import platform_scope, workspace_scope
from workspaces.secrets.keys import destroy_key


class Command(BaseCommand):
    help = (
        "Destroys a workspace's key: its credentials can never be read again, by nobody, and it can"
        " store no new ones. For a workspace that is given up. There is no way back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the workspace, as in its address: /w/SLUG/")
        parser.add_argument(
            "--confirm", required=True, metavar="SLUG", help="the same once more, typed"
        )

    def handle(self, *args: Any, slug: str, confirm: str, **options: Any) -> None:
        if confirm != slug:
            raise CommandError("Nothing was destroyed: --confirm names another workspace.")
        with platform_scope("find the workspace whose key is to be destroyed"):
            workspace = Workspace.objects.filter(slug=slug).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {slug}.")
        with workspace_scope(workspace.pk):
            destroy_key()
        self.stdout.write(
            f"The key of {workspace.name} is destroyed. Backups from before still hold it, wrapped"
            " by the master key: rotate that (manage.py rotate_master_key) and throw the old one"
            " away, and they are unreadable too."
        )
