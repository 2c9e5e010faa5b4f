"""Does the database keep workspaces apart? Asked of its catalogue, not of the code's intentions."""

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

from workspaces.isolation import functions, keys, objects, roles, server, tables, triggers
from workspaces.isolation.finding import Finding
from workspaces.secrets.key_check import refuse_wrong_master_key


def findings(using: str = DEFAULT_DB_ALIAS) -> list[Finding]:
    """Return the result of every check, good and bad, in a fixed order."""
    with connections[using].cursor() as cursor:
        known = tables.read(cursor)
        return [
            *tables.check(known),
            *keys.check(cursor, known),
            *triggers.check(cursor, known),
            *functions.check(cursor),
            *objects.check(cursor),
            *roles.check(cursor),
            *server.check(cursor),
        ]


def faults(using: str = DEFAULT_DB_ALIAS) -> list[Finding]:
    return [finding for finding in findings(using) if not finding.ok]


def refuse_unsafe_start() -> None:
    """Raise ImproperlyConfigured, naming each fault, rather than serve from such a database, or
    with a master key that is not its own."""
    found = faults()
    if found:
        lines = "\n".join(f"  {fault.table}: {fault.check}: {fault.detail}" for fault in found)
        raise ImproperlyConfigured(
            f"The database does not keep workspaces apart, so Agenhood does not start:\n{lines}"
        )
    refuse_wrong_master_key()
