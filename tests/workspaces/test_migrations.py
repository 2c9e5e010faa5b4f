"""The migrations, run by the tables' owner on a copy of the database: back and forth."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests import postgres
from workspaces.database.roles import APP, OWNER, create_database_roles

Manage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def manage(scratch: str) -> Manage:
    """Run manage.py on the copy, as an operator does: commands are given the owner's login too."""
    environment = os.environ | {
        "DATABASE_URL": postgres.url(APP, scratch),
        "AGENHOOD_OWNER_DATABASE_URL": postgres.url(OWNER, scratch),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=postgres.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return manage


CATALOGUE = """
SELECT 'policy', polrelid::regclass::text, polname || ' ' || polcmd::text || ' '
       || coalesce(pg_get_expr(polqual, polrelid), '') || ' '
       || coalesce(pg_get_expr(polwithcheck, polrelid), '')
  FROM pg_policy
 UNION ALL
SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid)
  FROM pg_trigger WHERE NOT tgisinternal
 UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace
 UNION ALL
SELECT 'index', indrelid::regclass::text, pg_get_indexdef(indexrelid)
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
 WHERE relnamespace = 'public'::regnamespace
 UNION ALL
SELECT 'function', proname, pg_get_functiondef(pg_proc.oid) || coalesce(proacl::text, '')
  FROM pg_proc WHERE pronamespace = 'workspaces'::regnamespace
 UNION ALL
SELECT 'table', relname, concat(relrowsecurity, relforcerowsecurity, relowner::regrole, acl.entries)
  FROM pg_class, LATERAL (SELECT array_agg(e ORDER BY e::text) AS entries
                            FROM unnest(relacl) AS e) AS acl
 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def catalogue(database: str) -> list[Any]:
    """All that guards the tables of a database, in a fixed order."""
    with postgres.superuser(database) as superuser:
        return sorted(superuser.execute(CATALOGUE).fetchall())


def test_row_security_is_taken_back_and_made_again_as_it_was(scratch: str, manage: Manage) -> None:
    before = catalogue(scratch)

    back = manage("migrate", "--database", "owner", "workspaces", "0001")
    assert back.returncode == 0, back.stderr
    taken = catalogue(scratch)
    ours = [row for row in taken if not row[1].startswith("procrastinate_")]
    assert [row for row in ours if row[0] in {"policy", "function", "trigger"}] == []
    assert manage("check_isolation").returncode == 1

    forth = manage("migrate", "--database", "owner")
    assert forth.returncode == 0, forth.stderr
    assert catalogue(scratch) == before
    checked = manage("check_isolation")
    assert checked.returncode == 0, checked.stdout


def test_a_migrated_database_has_nothing_to_migrate(manage: Manage) -> None:
    again = manage("migrate", "--database", "owner", "--check")

    assert again.returncode == 0, again.stdout


def test_the_models_have_nothing_to_add_to_the_migrations(manage: Manage) -> None:
    made = manage("makemigrations", "--check", "--dry-run")

    assert (made.returncode, made.stdout) == (0, "No changes detected\n")


def test_the_console_itself_cannot_migrate(manage: Manage) -> None:
    refused = manage("migrate", "workspaces", "0001")

    assert refused.returncode == 1
    assert "must be owner" in refused.stderr


def test_the_roles_can_be_made_again_over_a_database_in_use(scratch: str, manage: Manage) -> None:
    before = catalogue(scratch)

    with postgres.superuser(scratch) as superuser:
        create_database_roles(superuser, postgres.PASSWORDS)

    assert catalogue(scratch) == before
    assert manage("check_isolation").returncode == 0


def test_a_data_migration_does_not_take_hidden_rows_for_none(scratch: str) -> None:
    """Vector 59: as the owner, who is bound by row security too, it fails instead."""
    with (
        psycopg.connect(postgres.url(OWNER, scratch)) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="no active workspace"),
    ):
        owner.execute("UPDATE fleet_project SET name = upper(name)")
