"""Ask the database whether it keeps workspaces apart. Exits 1 when it does not."""

import json
import re
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from workspaces.isolation import findings
from workspaces.isolation.finding import Finding

# A check that is made of each key or function of a table is named after it.
NAME_AT_ITS_END = re.compile(r" \w*_\w*$")


class Command(BaseCommand):
    help = (
        "Reads the database's catalogue and fails on anything that does not isolate workspaces."
        " Counts the checks of each kind and prints each fault; with --verbosity 2 each check."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="each check, in a list of objects")

    def handle(self, *args: Any, **options: Any) -> None:
        found = findings()
        faults = [finding for finding in found if not finding.ok]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found], indent=2))
        else:
            if options["verbosity"] < 2:
                self._count(found)
            self._print(found if options["verbosity"] > 1 else faults)
            self.stdout.write(f"{len(found)} checks, {len(faults)} faults")
        if faults:
            sys.exit(1)

    def _count(self, found: list[Finding]) -> None:
        all_of = Counter(_kind(finding) for finding in found)
        good = Counter(_kind(finding) for finding in found if finding.ok)
        for kind, count in all_of.items():
            self.stdout.write(f"{good[kind]:5} ok {count - good[kind]:5} faults  {kind}")

    def _print(self, findings: list[Finding]) -> None:
        width = max((len(finding.table) for finding in findings), default=0)
        for finding in findings:
            mark = "ok   " if finding.ok else "FAULT"
            detail = f": {finding.detail}" if finding.detail else ""
            self.stdout.write(f"{mark} {finding.table:{width}}  {finding.check}{detail}")


def _kind(finding: Finding) -> str:
    return NAME_AT_ITS_END.sub("", finding.check)
