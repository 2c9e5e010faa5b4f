"""Queries whose SQL is made once: making it takes the ORM ten times as long as answering takes the
database, and for each event somebody waits for both."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from psycopg import sql

from workspaces.scope import current_scope

WORKSPACE = "workspace_id"
PLACEHOLDER = "%s"
LARGEST = 2**31 - 1  # that a number in a query can be


class Compiled:
    """A query by the arguments of `make`, with the manager's own filter by workspace in it.

    `kinds` says of each argument whether it is a UUID or an int. `compile` is called in a scope,
    once; `statement` then needs neither a scope nor a connection. What stays the same in each call
    is a literal of the SQL.
    """

    def __init__(self, make: Callable[..., QuerySet[Any]], **kinds: type[UUID] | type[int]) -> None:
        self._make, self._kinds = make, kinds
        self._sql = ""
        self._order: list[str] = []  # the name of each parameter

    def compile(self) -> None:
        """Make the SQL, unless it is there. Raises NoActiveWorkspace outside a scope."""
        if self._sql:
            return
        # Each is told apart from every other parameter.
        examples = {
            name: uuid4() if kind is UUID else LARGEST - place
            for place, (name, kind) in enumerate(self._kinds.items())
        }
        rows = self._make(**examples)
        text, parameters = rows.query.sql_with_params()
        names = {value: name for name, value in examples.items()}
        names[current_scope().workspace_id] = WORKSPACE
        self._order = [names[value] for value in parameters if value in names]
        if missing := {WORKSPACE, *examples} - set(self._order):
            raise RuntimeError(f"not in the query as they are: {', '.join(sorted(missing))}")
        self._model = rows.model
        self._fields = [field.attname for field in rows.model._meta.concrete_fields]
        constants = [PLACEHOLDER if value in names else _literal(value) for value in parameters]
        self._sql = text.replace("%%", "%%%%") % tuple(constants)

    def statement(self, workspace_id: UUID, **arguments: UUID | int) -> tuple[str, list[Any]]:
        """Return the SQL with its parameters. Raises LookupError if it was not compiled."""
        if not self._sql:
            raise LookupError("This query was not compiled.")
        given = {WORKSPACE: workspace_id, **arguments}
        return self._sql, [given[name] for name in self._order]

    def made(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Return rows as the ORM would; fields that were not read are deferred."""
        places = {column: place for place, column in enumerate(columns)}
        fields = [name for name in self._fields if name in places]
        others = [(name, place) for name, place in places.items() if name not in fields]
        found = []
        for row in rows:
            one = self._model.from_db("default", fields, [row[places[name]] for name in fields])
            for name, place in others:
                setattr(one, name, row[place])
            found.append(one)
        return found


def _literal(value: Any) -> str:
    """Return a constant as SQL with placeholders has it, where a percent sign is doubled."""
    return sql.Literal(value).as_string(None).replace("%", "%%")
