"""What has been answered to a create that may be sent again."""

from django.db import models

from workspaces.database.constraints import SameWorkspace
from workspaces.models import WorkspaceOwned
from workspaces.tokens.models import Token


class IdempotentRequest(WorkspaceOwned):
    """The answer to a request with an `Idempotency-Key`: the same one again gets the same answer.

    Kept for a day, for the token that sent it.
    """

    token = models.ForeignKey(
        Token, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)  # of method, path and body, with a key
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("token", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "token", "key"], name="api_idempotentrequest_once"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "created_at"], name="api_idempotentrequest_age")
        ]

    def __str__(self) -> str:
        return self.key
