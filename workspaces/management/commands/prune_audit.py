"""Remove entries of audit trails that are older than AGENHOOD_AUDIT_RETENTION_DAYS."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils import timezone

from workspaces.audit.retention import TrailBroken, prune
from workspaces.models import Workspace
from workspaces.scope import platform_scope


class Command(BaseCommand):
    help = (
        "Removes entries of audit trails that are older than AGENHOOD_AUDIT_RETENTION_DAYS, and"
        " leaves a signed stub of them. Needs AGENHOOD_OWNER_DATABASE_URL, as migrate does: the"
        " console's own role cannot remove any."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        days = settings.AGENHOOD_AUDIT_RETENTION_DAYS
        if not days:
            self.stdout.write("AGENHOOD_AUDIT_RETENTION_DAYS is not set: everything is kept.")
            return
        if "owner" not in connections.settings:
            raise CommandError("Set AGENHOOD_OWNER_DATABASE_URL, as for migrate.")
        before = timezone.now() - timedelta(days=days)
        with platform_scope("list the audit trails"):
            workspaces = list(Workspace.objects.order_by("slug").values_list("pk", "slug"))
        broken = []
        for workspace_id, slug in workspaces:
            try:
                count = prune(workspace_id, before, using="owner")
            except TrailBroken as error:
                broken.append(f"{slug}: {error}")
            else:
                self.stdout.write(f"{slug}: {count:,} removed")
        if broken:
            raise CommandError("Not touched, since they do not verify:\n" + "\n".join(broken))
