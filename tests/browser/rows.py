"""Rows that these tests speak of by name."""

from typing import Any

from tests.factories import MembershipFactory
from workspaces.models import Membership
from workspaces.roles import Role


def member(role: Role, of: str = "Acme", **user: Any) -> Membership:
    """Make a workspace named `of`, with its slug after it, and somebody in it.

    `user=` an existing person, or the fields of a new one.
    """
    names = {"workspace__name": of, "workspace__slug": of.lower()}
    person = user if "user" in user else {f"user__{field}": value for field, value in user.items()}
    return MembershipFactory(role=role, **names, **person)
