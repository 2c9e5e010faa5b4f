"""What a model's author writes once in `Meta.constraints`, and migrations carry to the database.

WorkspaceIsolation()       on every model that a workspace owns: row security, forced; a key to
                           refer to; a `workspace_id` that never changes
SameWorkspace("project")   beside every foreign key to another such model
UniquePerWorkspace("name") instead of `unique=True`
FoundBySearch()            on a model of search documents: a full-text search that row security lets
                           use its index
"""

from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, models
from django.db.backends.ddl_references import Statement, Table
from django.db.models.functions import Lower

POLICY = "workspace_isolation"
TRIGGER = "workspace_id_is_immutable"
TRIGGER_DEFINITION = (
    "BEFORE UPDATE OF workspace_id ON %(table)s FOR EACH ROW"
    " WHEN (OLD.workspace_id IS DISTINCT FROM NEW.workspace_id)"
    " EXECUTE FUNCTION workspaces.refuse_new_workspace()"
)
POLICY_EXPRESSION = "workspace_id = (SELECT workspaces.current_id())"
SEARCH_POLICY = "workspace_search"
# Twice the same: for each the planner expects a hit in a thousand rows, and one in a thousand may
# be more than all of a small workspace, which it would then read from end to end instead.
SEARCH_EXPRESSION = " AND ".join(["vector @@ (SELECT workspaces.search_query())"] * 2)


class WorkspaceIsolation(models.BaseConstraint):
    """Keeps a table's rows to their workspace, whatever the code above asks for.

    ENABLE and FORCE ROW LEVEL SECURITY with one policy for reading and writing alike; a unique key
    (workspace_id, id) for composite foreign keys; a trigger that refuses a new `workspace_id`.
    The policy and the trigger have one name in all tables, so that they follow a renamed table.
    """

    def __init__(self, *, name: str = "%(app_label)s_%(class)s_isolation", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        # The key at once, for others to refer to; the rest once the table is there and Django's own
        # foreign keys are: the owner, who checks them, sees no row of an isolated table.
        schema_editor.deferred_sql.append(_isolate(model, schema_editor))
        return f"CONSTRAINT {schema_editor.quote_name(self.name)} UNIQUE (workspace_id, id)"

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        key = self.constraint_sql(model, schema_editor)
        return f"ALTER TABLE {schema_editor.quote_name(model._meta.db_table)} ADD {key}"

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        # The key at last: a later operation of the same migration may remove what hangs on it.
        key = Statement(
            f"ALTER TABLE %(table)s DROP CONSTRAINT {schema_editor.quote_name(self.name)}",
            table=Table(model._meta.db_table, schema_editor.quote_name),
        )
        schema_editor.deferred_sql.append(key)
        table = schema_editor.quote_name(model._meta.db_table)
        return (
            f"DROP TRIGGER {TRIGGER} ON {table}; DROP POLICY {POLICY} ON {table};"
            f" ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"
        )

    def validate(
        self,
        model: Any,
        instance: models.Model,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Nothing that a form could get wrong: the model fills in the workspace itself."""

    def __eq__(self, other: object) -> bool:
        # Whatever its name, which a renamed model changes: other tables' keys hang on this one.
        return isinstance(other, WorkspaceIsolation)

    __hash__ = None  # type: ignore[assignment]  # as Django's own constraints: compared, not kept


def _isolate(model: Any, schema_editor: Any) -> Statement:
    return Statement(
        "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        f" CREATE POLICY {POLICY} ON %(table)s"
        f" USING ({POLICY_EXPRESSION}) WITH CHECK ({POLICY_EXPRESSION});"
        f" CREATE TRIGGER {TRIGGER} {TRIGGER_DEFINITION}",
        table=Table(model._meta.db_table, schema_editor.quote_name),
    )


class SameWorkspace(models.BaseConstraint):
    """A composite foreign key: the row that `field` names is of this row's workspace.

    PostgreSQL checks foreign keys past row security, so a key on the id alone would accept a row
    of another workspace, and a cascade would reach into it. The field itself is declared with
    `db_constraint=False`. `on_delete` is what the database does when the named row goes:
    "NO ACTION", "CASCADE", or "SET NULL" (of the field alone, never of the workspace).
    """

    ACTIONS = ("NO ACTION", "CASCADE", "SET NULL")

    def __init__(
        self, field: str, *, on_delete: str = "NO ACTION", name: str | None = None, **kwargs: Any
    ) -> None:
        if on_delete not in self.ACTIONS:
            raise ValueError(f"on_delete is one of {', '.join(self.ACTIONS)}, not {on_delete!r}")
        super().__init__(name=name or f"%(app_label)s_%(class)s_{field}_workspace", **kwargs)
        self.field = field
        self.on_delete = on_delete

    def _definition(self, model: Any, schema_editor: Any) -> Any:
        field = model._meta.get_field(self.field)
        action = f"SET NULL ({field.column})" if self.on_delete == "SET NULL" else self.on_delete
        # Django's own statement, so that renames before its execution reach it.
        statement = schema_editor._create_fk_sql(model, field, "")
        # The owner checks the rows that are there already, and sees none of a forced table.
        statement.template = (
            "ALTER TABLE %(table)s NO FORCE ROW LEVEL SECURITY;"
            " ALTER TABLE %(to_table)s NO FORCE ROW LEVEL SECURITY;"
            " ALTER TABLE %(table)s ADD CONSTRAINT %(name)s"
            " FOREIGN KEY (workspace_id, %(column)s)"
            " REFERENCES %(to_table)s (workspace_id, %(to_column)s)"
            f" ON DELETE {action} DEFERRABLE INITIALLY IMMEDIATE;"
            " ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY;"
            " ALTER TABLE %(to_table)s FORCE ROW LEVEL SECURITY"
        )
        statement.parts["name"] = schema_editor.quote_name(self.name)
        return statement

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        # As Django's own foreign keys: once both tables are there.
        schema_editor.deferred_sql.append(self._definition(model, schema_editor))

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        # Here too: the other table's key may come with a later operation of the same migration.
        self.constraint_sql(model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        return f"ALTER TABLE {table} DROP CONSTRAINT {schema_editor.quote_name(self.name)}"

    def validate(
        self,
        model: Any,
        instance: models.Model,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Nothing left to check: the field looks its target up through the scoped manager."""

    def deconstruct(self) -> Any:
        path, _args, kwargs = super().deconstruct()
        if self.on_delete != "NO ACTION":
            kwargs["on_delete"] = self.on_delete
        return path, (self.field,), kwargs

    def clone(self) -> Self:
        _path, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameWorkspace) and self.deconstruct() == other.deconstruct()

    __hash__ = None  # type: ignore[assignment]


class UniquePerWorkspace(models.UniqueConstraint):
    """`field` is unique within a workspace, upper and lower case being the same.

    A clash is a form error at the field, and says nothing of other workspaces.
    """

    def __init__(
        self,
        field: str,
        *,
        name: str | None = None,
        violation_error_message: str = "This workspace already has one of that name.",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            models.F("workspace"),
            Lower(field),
            name=name or f"%(app_label)s_%(class)s_{field}_unique",
            violation_error_message=violation_error_message,
            **kwargs,
        )
        self.field = field

    def validate(
        self,
        model: Any,
        instance: models.Model,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        # A form without the field "workspace" excludes it; the model has filled it in by now.
        exclude = set(exclude or ()) - {"workspace"}
        if self.field in exclude:
            return
        try:
            super().validate(model, instance, exclude, using)
        except ValidationError as error:
            raise ValidationError({self.field: error}) from error

    def deconstruct(self) -> Any:
        _path, _args, kwargs = super().deconstruct()
        return "workspaces.database.constraints.UniquePerWorkspace", (self.field,), kwargs

    def clone(self) -> Self:
        _path, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)


class FoundBySearch(models.BaseConstraint):
    """Narrows what is read of a table to what the transaction searches for, in its index.

    A full-text condition of a query's own is asked only after row security, of every row of the
    workspace, since it may tell what it reads; one that is itself a policy may be asked of the
    index. The policy is restrictive: it takes rows away and never adds any. The model has a
    `vector`, made by `workspaces.search_vector()`: docs/adr/0015-search-under-row-security.md.
    """

    def __init__(self, *, name: str = "%(app_label)s_%(class)s_search", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        schema_editor.deferred_sql.append(
            Statement(
                f"CREATE POLICY {SEARCH_POLICY} ON %(table)s AS RESTRICTIVE FOR SELECT"
                f" USING ({SEARCH_EXPRESSION})",
                table=Table(model._meta.db_table, schema_editor.quote_name),
            )
        )

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        self.constraint_sql(model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        return f"DROP POLICY {SEARCH_POLICY} ON {schema_editor.quote_name(model._meta.db_table)}"

    def validate(
        self,
        model: Any,
        instance: models.Model,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Nothing that a form could get wrong."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FoundBySearch)

    __hash__ = None  # type: ignore[assignment]
