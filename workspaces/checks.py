"""Django system checks: a model that forgets its isolation fails `manage.py check`.

They read models, not the database; `manage.py check_isolation` reads the database.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import models

from workspaces.database.constraints import SameWorkspace, WorkspaceIsolation
from workspaces.invitations.models import Invitation
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import Membership, Workspace, WorkspaceOwned
from workspaces.secrets.models import MasterKeyCheck

CONTROL_MODELS = {Workspace, Membership, Invitation, MasterKeyCheck}


@checks.register("workspaces")
def check_models(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    faults: list[checks.CheckMessage] = []
    for model in apps.get_models(include_auto_created=True):
        if app_configs is None or model._meta.app_config in app_configs:
            faults += check_model(model)
    return faults


def check_model(model: type[models.Model]) -> list[checks.CheckMessage]:
    """Return what keeps a model from being safe among workspaces."""
    if model in CONTROL_MODELS:
        return []
    if _is_owned(model):
        faults = [*_check_managers(model)]
        if not model._meta.proxy:  # a proxy has no table
            faults += [*_check_isolation(model), *_check_keys(model), *_check_uniqueness(model)]
        return faults
    if model._meta.app_label in settings.WORKSPACES_SHARED_APPS:
        return [*_check_shared(model)]
    hint = "Derive it from WorkspaceOwned, or name its app in WORKSPACES_SHARED_APPS."
    return [_error("belongs to no workspace.", hint, model, "E001")]


def _check_shared(model: type[models.Model]) -> Iterable[checks.CheckMessage]:
    for field in [*model._meta.local_fields, *model._meta.local_many_to_many]:
        if field.is_relation and _has_workspace(field.related_model):
            hint = "Turn it round: what a workspace owns refers to what all share."
            yield _error(f"refers to workspaces by {field.name}.", hint, model, "E009")


def _check_managers(model: Any) -> Iterable[checks.CheckMessage]:
    if not all(_is_scoped(m) for m in [*model._meta.managers, model._base_manager]):
        hint = (
            "Derive its Meta from WorkspaceOwned.Meta, its managers from ScopedManager, and their"
            " querysets from ScopedQuerySet."
        )
        yield _error("has a manager that sees every workspace.", hint, model, "E003")


def _check_isolation(model: Any) -> Iterable[checks.CheckMessage]:
    if not any(isinstance(c, WorkspaceIsolation) for c in model._meta.constraints):
        hint = "List *WorkspaceOwned.Meta.constraints in its Meta.constraints."
        yield _error("has no row security.", hint, model, "E002")
    if not isinstance(model._meta.pk, models.UUIDField):
        hint = "Leave the id to WorkspaceOwned."
        yield _error("has ids that tell how much others have.", hint, model, "E010")


def _check_keys(model: Any) -> Iterable[checks.CheckMessage]:
    composite = {c.field for c in model._meta.constraints if isinstance(c, SameWorkspace)}
    for field in model._meta.local_fields:
        if not (field.is_relation and _has_workspace(field.related_model)):
            continue
        if field.name not in composite:
            hint = f'Add SameWorkspace("{field.name}") to its Meta.constraints.'
            yield _error(f"refers to other workspaces by {field.name}.", hint, model, "E004")
        if field.db_constraint:
            hint = (
                f"Declare {field.name} with db_constraint=False: SameWorkspace is its constraint."
            )
            yield _error(f"has a plain foreign key {field.name}.", hint, model, "E005")
    for field in model._meta.local_many_to_many:
        if field.remote_field.through._meta.auto_created:
            hint = "Give it a through model of its own, with two SameWorkspace constraints."
            yield _error(f"links rows without a workspace by {field.name}.", hint, model, "E006")


def _check_uniqueness(model: Any) -> Iterable[checks.CheckMessage]:
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key:
            hint = f'Use UniquePerWorkspace("{field.name}").'
            yield _error(f"is unique across workspaces by {field.name}.", hint, model, "E007")
    for together in model._meta.unique_together:
        if "workspace" not in together:
            hint = 'Name "workspace" first in it.'
            yield _error(f"is unique across workspaces: {together}.", hint, model, "E008")
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            named = set(constraint.fields)
            for expression in constraint.expressions:
                named |= {name for name, *_ in model._get_expr_references(expression)}
            if "workspace" not in named:
                hint = 'Name "workspace" first in it.'
                yield _error(
                    f"is unique across workspaces: {constraint.name}.", hint, model, "E008"
                )


def _is_owned(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, WorkspaceOwned)


def _has_workspace(model: Any) -> bool:
    """Whether each of its rows is of one workspace, so that a key to it must name that too."""
    return _is_owned(model) or model is Membership


def _is_scoped(manager: Any) -> bool:
    """Whether it filters, and writes by a queryset that adopts what it writes."""
    return isinstance(manager, ScopedManager) and isinstance(manager.none(), ScopedQuerySet)


def _error(message: str, hint: str, model: type[models.Model], number: str) -> checks.CheckMessage:
    return checks.Error(
        f"{model._meta.label} {message}", hint=hint, obj=model, id=f"workspaces.{number}"
    )
