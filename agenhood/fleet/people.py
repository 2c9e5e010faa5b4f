"""Who made something, by name. A join would lose the rows of people who are no longer members."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from accounts.models import User

FORMER = "Former member"


def creators(rows: Iterable[Any]) -> dict[UUID, str]:
    """Return the names of those who made the rows, in one statement."""
    return names_of({row.created_by_id for row in rows})


def names_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return people's names by their ids, in one statement."""
    wanted = set(ids)
    people = {person.pk: str(person) for person in User.objects.filter(pk__in=wanted)}
    return {pk: people.get(pk, FORMER) for pk in wanted}
