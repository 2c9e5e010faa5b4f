"""Every model that a workspace owns, from the registry: a new one joins by itself, and fails here
until tests/factories.py can make a row of it."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.utils import DatabaseError
from factory.django import DjangoModelFactory

from tests import factories
from tests.factories import MembershipFactory, WorkspaceFactory, WorkspaceOwnedFactory
from tests.isolation.sql import refused, rows, run
from workspaces.database.constraints import SameWorkspace
from workspaces.managers import WorkspaceMismatch
from workspaces.models import Membership, WorkspaceOwned
from workspaces.scope import NoActiveWorkspace, workspace_scope

# What the database lets nobody change or delete as the console: see each model's migration.
APPEND_ONLY = {"AuditEntry", "AuditHead"}
# Written by the database alone, when retention removes entries: tests/workspaces/audit.
NOT_WRITTEN_HERE = {"AuditStub"}
MODELS = [
    model
    for model in apps.get_models()
    if issubclass(model, WorkspaceOwned)
    and model._meta.app_label != "isolation_models"
    and model.__name__ not in NOT_WRITTEN_HERE
]


def factory_of(model: type[Any]) -> type[DjangoModelFactory]:
    if model is Membership:  # what a member owns refers to one
        return MembershipFactory
    kinds = [kind for kind in vars(factories).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, WorkspaceOwnedFactory) and kind._meta.model is model:
            return kind
    raise AssertionError(f"tests/factories.py makes no {model.__name__}")


@dataclass(frozen=True)
class Pair:
    """A row of acme's, where the test stands, and one of globex's."""

    acme: Any
    globex: Any

    @property
    def scope(self) -> workspace_scope:
        return workspace_scope(self.acme.workspace_id)


@pytest.fixture
def pair(db: None, model: type[Any]) -> Pair:
    return Pair(
        *(
            factory_of(model)(workspace=WorkspaceFactory(slug=slug, name=slug))
            for slug in ("acme", "globex")
        )
    )


@pytest.mark.parametrize("model", MODELS)
def test_the_manager_finds_ones_own_rows_only(pair: Pair, model: type[Any]) -> None:
    with pair.scope:
        found = set(model.objects.values_list("pk", flat=True))

        assert pair.acme.pk in found
        assert pair.globex.pk not in found
        assert not model._base_manager.filter(pk=pair.globex.pk).exists()
        assert set(model.objects.values_list("workspace", flat=True)) == {pair.acme.workspace_id}


@pytest.mark.parametrize("model", MODELS)
def test_a_query_without_a_workspace_raises(pair: Pair, model: type[Any]) -> None:
    with pytest.raises(NoActiveWorkspace):
        list(model.objects.all())
    with refused(DatabaseError, "no active workspace"):
        rows(f"SELECT * FROM {model._meta.db_table}")


@pytest.mark.parametrize("model", MODELS)
def test_sql_reads_and_changes_ones_own_rows_only(pair: Pair, model: type[Any]) -> None:
    table = model._meta.db_table
    with pair.scope:
        assert rows(f"SELECT id FROM {table} WHERE id = %s", [pair.acme.pk]) == [pair.acme.pk]
        assert rows(f"SELECT id FROM {table} WHERE id = %s", [pair.globex.pk]) == []
        if model.__name__ in APPEND_ONLY:
            for statement in ("UPDATE {} SET id = id", "DELETE FROM {}"):
                with refused(DatabaseError, "permission denied"):
                    run(statement.format(table))
            return
        assert run(f"DELETE FROM {table} WHERE id = %s", [pair.globex.pk]) == 0
    with workspace_scope(pair.globex.workspace_id):
        assert model.objects.filter(pk=pair.globex.pk).exists()


@pytest.mark.parametrize("model", MODELS)
def test_no_row_is_written_for_another_workspace(pair: Pair, model: type[Any]) -> None:
    table = model._meta.db_table
    columns = ", ".join(connection.ops.quote_name(f.column) for f in model._meta.concrete_fields)
    copied = columns.replace('"workspace_id"', "%s").replace('"id"', "gen_random_uuid()")
    with pair.scope:
        with refused(DatabaseError, "row-level security|only an entry moves the head"):
            run(
                f"INSERT INTO {table} ({columns}) SELECT {copied} FROM {table} WHERE id = %s",
                [pair.globex.workspace_id, pair.acme.pk],
            )
        with pytest.raises(WorkspaceMismatch):
            pair.globex.save()
        with pytest.raises(WorkspaceMismatch):
            pair.globex.delete()


KEYS = [
    (model, constraint.field)
    for model in MODELS
    for constraint in model._meta.constraints
    if isinstance(constraint, SameWorkspace)
]


@pytest.mark.parametrize(("model", "field"), KEYS)
def test_no_key_reaches_another_workspace(pair: Pair, model: type[Any], field: str) -> None:
    key = model._meta.get_field(field)
    assert isinstance(key.related_model, type)
    stranger = factory_of(key.related_model)(workspace=pair.globex.workspace)
    with pair.scope:
        if model.__name__ in APPEND_ONLY:
            return
        with refused(DatabaseError):
            run(
                f"UPDATE {model._meta.db_table} SET {key.column} = %s WHERE id = %s",
                [stranger.pk, pair.acme.pk],
            )
        with pytest.raises(WorkspaceMismatch):
            setattr(pair.acme, field, stranger)
            pair.acme.save()


def test_every_key_between_owned_models_is_of_one_workspace() -> None:
    for model in MODELS:
        held = {field for owner, field in KEYS if owner is model}
        keys = {
            field.name
            for field in model._meta.concrete_fields
            if field.is_relation and issubclass(field.related_model, WorkspaceOwned | Membership)
        }

        assert keys == held, model
