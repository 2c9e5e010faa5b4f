"""A create that is sent again with the same `Idempotency-Key` is done once.

The key is claimed in the transaction of the create: a second request waits for the first one's end,
and then finds its answer, or, if that one failed, its place free.
"""

import re
from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from agenhood.api.models import IdempotentRequest
from agenhood.api.problems import Refused
from workspaces.secrets import KeyDestroyed
from workspaces.secrets import fingerprint as keyed_fingerprint

HEADER = "Idempotency-Key"
KEPT = timedelta(days=1)
KEY = re.compile(r"[\x21-\x7e]{1,200}")


def claim(request: HttpRequest, token_id: UUID) -> IdempotentRequest | HttpResponse | None:
    """Return a new claim, the answer that this request has had already, or None without a key.

    Raises Refused for a bad key, and for one that came with another request.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return None
    if not KEY.fullmatch(key):
        raise Refused(400, f"{HEADER} is 1 to 200 visible ASCII characters.")
    fingerprint = _fingerprint(request)
    forget_old_requests()
    new = IdempotentRequest(token_id=token_id, key=key, fingerprint=fingerprint)
    IdempotentRequest.objects.bulk_create([new], ignore_conflicts=True)
    found = IdempotentRequest.objects.get(token_id=token_id, key=key)
    if found.pk == new.pk:
        return found
    if found.fingerprint != fingerprint:
        raise Refused(422, f"This {HEADER} came with another request before.")
    return HttpResponse(
        found.body,
        status=found.status,
        content_type="application/json; charset=utf-8",
        headers={"Idempotency-Replayed": "true"},
    )


def keep(claimed: IdempotentRequest, response: HttpResponse) -> None:
    claimed.status = response.status_code
    claimed.body = response.text
    claimed.save(update_fields=["status", "body"])


def forget_old_requests() -> None:
    IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()


def _fingerprint(request: HttpRequest) -> str:
    """Return what tells the same request again. With the workspace's key, as the body may hold a
    secret that a plain hash would let somebody guess."""
    asked = f"{request.method} {request.get_full_path()}\n".encode()
    try:
        return keyed_fingerprint(asked + request.body)
    except KeyDestroyed:
        raise Refused(409, f"This workspace's key is destroyed: send no {HEADER}.") from None
