"""Is the master key this instance's? A known text, sealed at the first start, must open at each."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, transaction

from accounts import master_key
from accounts.master_key import CannotOpen
from workspaces.secrets.models import MasterKeyCheck

KNOWN_TEXT = b"agenhood"
CONTEXT = b"master key check\0"


def refuse_wrong_master_key() -> None:
    """Raise ImproperlyConfigured unless the newest check value opens; the first start writes it."""
    if _newest() is None:
        _add(1)  # or another process did, a moment ago: what it wrote is what counts
    if fault := master_key_fault():
        raise ImproperlyConfigured(f"Agenhood does not start: {fault}")


def master_key_fault() -> str:
    """Return what is wrong with the master key, "" if nothing is or nothing was sealed yet."""
    newest = _newest()
    try:
        if newest is None or master_key.open_sealed(bytes(newest.sealed), CONTEXT) == KNOWN_TEXT:
            return ""
    except CannotOpen:
        pass
    return (
        "AGENHOOD_MASTER_KEY does not hold the key that this database's secrets are sealed with."
        " Give it the one from the database's own time, kept with the backups; without it the"
        " secrets are lost and must be stored anew: docs/secrets.md."
    )


def follow_rotation() -> bool:
    """Add a check value of the first master key, unless the newest is; return whether it did."""
    newest = _newest()
    sealed = bytes(newest.sealed) if newest else b""
    if newest and master_key.reseal(sealed, CONTEXT) == sealed:
        return False
    _add(newest.number + 1 if newest else 1)
    return True


def _newest() -> MasterKeyCheck | None:
    return MasterKeyCheck.objects.order_by("-number").first()


def _add(number: int) -> None:
    sealed = master_key.seal(KNOWN_TEXT, CONTEXT)
    MasterKeyCheck.objects.bulk_create(
        [MasterKeyCheck(number=number, sealed=sealed)], ignore_conflicts=True
    )


@checks.register(checks.Tags.database)
def check_master_key(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """`manage.py check --database default`"""
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    try:
        with transaction.atomic():
            fault = master_key_fault()
    except DatabaseError:  # not migrated yet
        return []
    except ImproperlyConfigured as missing:
        fault = str(missing)
    return [checks.Error(fault, id="workspaces.E020")] if fault else []
