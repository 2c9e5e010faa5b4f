"""Managers that filter by the active workspace by themselves.

The filter is read when SQL is compiled, never when a queryset is built: a queryset made at import
(a form's choices, a default argument) follows the request that uses it.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

from workspaces.scope import current_scope

M = TypeVar("M", bound=models.Model, covariant=True)


class WorkspaceMismatch(ValueError):
    """A row of one workspace was about to be written in, or moved to, another one."""


class ActiveWorkspace(models.Expression):
    """The active workspace's id. Compiling it raises NoActiveWorkspace outside a workspace."""

    output_field = models.UUIDField()

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return "%s", [current_scope(connection).workspace_id]


class ScopedQuerySet(models.QuerySet[M]):
    """Writes what belongs to the active workspace, and moves nothing into or out of it."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        objs = list(objs)
        for obj in objs:
            obj.adopt()
        return super().bulk_create(objs, *args, **kwargs)

    def update(self, **values: Any) -> int:
        if "workspace" in values or "workspace_id" in values:
            raise WorkspaceMismatch("A row's workspace never changes.")
        return super().update(**values)

    def unscoped(self, reason: str) -> "ScopedQuerySet[M]":
        """Return all rows that the database itself lets this scope see.

        For control tables, whose rows a person or the platform sees across workspaces. `reason`
        says why, and a test lists every use.
        """
        return type(self)(model=self.model, using=self.db)


_ScopedManager = models.Manager.from_queryset(ScopedQuerySet)


class ScopedManager(_ScopedManager[M]):
    """The default and base manager of everything that belongs to a workspace."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(workspace_id=ActiveWorkspace())
