"""Roles in a workspace, from most to least."""

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    OPERATOR = "operator", "Operator"
    VIEWER = "viewer", "Viewer"
    AUDITOR = "auditor", "Auditor"

    @property
    def rank(self) -> int:
        """0 for the owner, who may do everything, and higher the less a role may do."""
        return list(Role).index(self)

    def assignable(self) -> list["Role"]:
        """Return the roles that a member with this one may give and take: those below their own.

        Ownership is handed on by a transfer, never by the list of members.
        """
        return [role for role in Role if role.rank > self.rank]
