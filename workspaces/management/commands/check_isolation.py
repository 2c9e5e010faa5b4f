"""Ask the database whether it keeps workspaces apart. Exits 1 when it does not."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from workspaces.isolation import findings


class Command(BaseCommand):
    help = "Reads the database's catalogue and fails on anything that does not isolate workspaces."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a list of objects")

    def handle(self, *args: Any, **options: Any) -> None:
        found = findings()
        faults = [finding for finding in found if not finding.ok]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found], indent=2))
        else:
            width = max(len(finding.table) for finding in found)
            for finding in found:
                mark = "ok   " if finding.ok else "FAULT"
                detail = f": {finding.detail}" if finding.detail else ""
                self.stdout.write(f"{mark} {finding.table:{width}}  {finding.check}{detail}")
            self.stdout.write(f"{len(found)} checks, {len(faults)} faults")
        if faults:
            sys.exit(1)
