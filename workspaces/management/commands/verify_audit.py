"""Walk the audit trails, and exit 1 when one does not hold together."""

import re
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workspaces.audit.verify import verify
from workspaces.models import Workspace
from workspaces.scope import platform_scope

EXPECTED = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


class Command(BaseCommand):
    help = (
        "Reads audit trails row by row and exits 1 when an entry was changed, removed, inserted or"
        " put in another's place."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspaces", nargs="*", metavar="SLUG", help="all of them by default")
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            metavar="NUMBER:HASH",
            help="an entry's hash that was kept elsewhere, as its log line tells it; of one SLUG",
        )

    def handle(self, *args: Any, workspaces: list[str], expect: list[str], **options: Any) -> None:
        expected = _expected(expect)
        if expected and len(workspaces) != 1:
            raise CommandError("Name the one workspace that --expect is about.")
        broken = 0
        for workspace in _found(workspaces):
            report = verify(workspace.pk, expected)
            broken += bool(report.faults)
            for fault in report.faults:
                self.stdout.write(f"FAULT {workspace.slug}: {fault}")
            if not report.faults:
                self.stdout.write(
                    f"ok    {workspace.slug}: {report.count:,} entries, the last one"
                    f" {report.last}:{report.hash.hex()}"
                )
        if broken:
            sys.exit(1)


def _found(slugs: list[str]) -> list[Workspace]:
    with platform_scope("find the audit trails"):
        all_of_them = Workspace.objects.order_by("slug")
        found = list(all_of_them.filter(slug__in=slugs) if slugs else all_of_them)
    missing = sorted(set(slugs) - {workspace.slug for workspace in found})
    if missing:
        raise CommandError(f"There is no workspace {', '.join(missing)}.")
    return found


def _expected(texts: list[str]) -> dict[int, str]:
    found = {}
    for text in texts:
        match = EXPECTED.fullmatch(text)
        if match is None:
            raise CommandError(f"{text} is not NUMBER:HASH.")
        found[int(match[1])] = match[2]
    return found
