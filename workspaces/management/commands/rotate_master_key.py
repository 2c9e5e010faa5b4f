"""Seal everything that a master key seals with the first one of AGENHOOD_MASTER_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.master_key import CannotOpen, resealers
from workspaces.secrets.key_check import follow_rotation, master_key_fault

# Each pass finds what was sealed by the old key while the one before it ran.
MOST_PASSES = 10


class Command(BaseCommand):
    help = (
        "Seals workspaces' keys and second-factor seeds with the first key of AGENHOOD_MASTER_KEY."
        " Put the new key in front, restart the console and its workers, then run this; they may"
        " go on meanwhile. Afterwards the old key can be taken out. Safe to run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if fault := master_key_fault():
            raise CommandError(fault)
        faults = []
        for name, reseal_all in sorted(resealers().items()):
            try:
                written = self._until_none_is_left(reseal_all)
            except CannotOpen as error:
                faults.append(f"{name}: {error}")
            else:
                self.stdout.write(f"{name}: {written} sealed anew")
        if faults:
            raise CommandError("Keep the old key. Not everything opens: " + "; ".join(faults))
        follow_rotation()
        self.stdout.write(
            "Done: nothing needs an older master key any more. Take it out of"
            " AGENHOOD_MASTER_KEY, and keep it with the backups from before."
        )

    def _until_none_is_left(self, reseal_all: Any) -> int:
        total = 0
        for _ in range(MOST_PASSES):
            written = reseal_all()
            total += written
            if not written:
                return total
        raise CommandError(
            "Something still seals with an older key: restart every process of the console first."
        )
