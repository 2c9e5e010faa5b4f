"""Managers that filter by the active workspace by themselves.

The filter is read when SQL is compiled, never when a queryset is built: a queryset made at import
(a form's choices, a default argument) follows the request that uses it.
"""

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query import RawQuerySet
from django.db.models.sql.compiler import SQLCompiler

from workspaces.scope import current_scope, open_scope, platform_is_active

M = TypeVar("M", bound=models.Model, covariant=True)


class WorkspaceMismatch(ValueError):
    """A row of one workspace was about to be written in, or moved to, another one."""


class ActiveWorkspace(models.Expression):
    """The active workspace's id. Compiling it raises NoActiveWorkspace outside a workspace."""

    output_field = models.UUIDField()

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return "%s", [current_scope(connection).workspace_id]


class InReach(models.Func):
    """Whether a control table's row is in the scope's reach: the active workspace's, or any to the
    platform. Compiling it raises NoActiveWorkspace in no scope, and in a person's."""

    output_field = models.BooleanField()

    def __init__(self) -> None:
        super().__init__(models.F("workspace_id"))

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        if platform_is_active():
            return "TRUE", []
        column, params = compiler.compile(self.get_source_expressions()[0])
        return f"{column} = %s", [*params, current_scope(connection).workspace_id]


class _KeptRows:
    """Keeps a queryset's rows for the scope that read them; in another one it asks again.

    One that lives longer than a request (a module's, a class's, a cache's) would else show the
    next workspace what the first one saw.
    """

    @property
    def _result_cache(self) -> list[Any] | None:
        kept = self.__dict__["_result_cache"]
        return kept[0] if kept is not None and kept[1] == open_scope() else None

    @_result_cache.setter
    def _result_cache(self, rows: list[Any] | None) -> None:
        self.__dict__["_result_cache"] = None if rows is None else (rows, open_scope())


class ScopedRawQuerySet(_KeptRows, RawQuerySet):
    """SQL of one's own, which row security alone keeps to the active workspace."""


class ScopedQuerySet(_KeptRows, models.QuerySet[M]):
    """Writes what belongs to the active workspace, and moves nothing into or out of it."""

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        if update_conflicts and not {"workspace", "workspace_id"} & set(unique_fields or ()):
            raise WorkspaceMismatch("A conflict is one of this workspace: name it as unique too.")
        objs = list(objs)
        for obj in objs:
            obj.adopt()
        return super().bulk_create(
            objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
        )

    def update(self, **values: Any) -> int:
        if "workspace" in values or "workspace_id" in values:
            raise WorkspaceMismatch("A row's workspace never changes.")
        return super().update(**values)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        rows = super().raw(*args, **kwargs)
        rows.__class__ = ScopedRawQuerySet
        return rows

    def unscoped(self, reason: str) -> "ScopedQuerySet[M]":
        """Return all rows that the database itself lets this scope see.

        For control tables, whose rows a person sees across workspaces. `reason` says why, and a
        test lists every use.
        """
        return type(self)(model=self.model, using=self.db)


_ScopedManager = models.Manager.from_queryset(ScopedQuerySet)


class ScopedManager(_ScopedManager[M]):
    """The default and base manager of everything that belongs to a workspace."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(workspace_id=ActiveWorkspace())


class ControlManager(_ScopedManager[M]):
    """The default manager of what says who belongs to a workspace: the platform sees it too."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(InReach())
