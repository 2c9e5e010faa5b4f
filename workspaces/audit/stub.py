"""The signature of a stub, which says that retention removed the entries and nobody else.

The master key ring seals nothing, for the stub's words as context: who lacks a master key can make
no such seal, and it opens for no other words.
"""

from datetime import UTC, datetime

from accounts import master_key
from workspaces.audit.models import AuditStub
from workspaces.models import Workspace
from workspaces.scope import platform_scope, workspace_scope


def sign(stub: AuditStub) -> None:
    stub.signature = master_key.seal(b"", _words(stub))


def is_signed(stub: AuditStub) -> bool:
    try:
        return master_key.open_sealed(bytes(stub.signature), _words(stub)) == b""
    except master_key.CannotOpen:
        return False


def resign_all() -> int:
    """Have the first master key sign what another one did; return how many stubs that were.

    Raises CannotOpen for one that no key of the ring has signed.
    """
    with platform_scope("sign stubs of audit trails anew"):
        workspaces = list(Workspace.objects.order_by("pk").values_list("pk", flat=True))
    written = 0
    for workspace_id in workspaces:
        with workspace_scope(workspace_id):
            for stub in AuditStub.objects.all():
                signature = master_key.reseal(stub.signature, _words(stub))
                if signature != bytes(stub.signature):
                    AuditStub.objects.filter(pk=stub.pk).update(signature=signature)
                    written += 1
    return written


def _words(stub: AuditStub) -> bytes:
    return "|".join(
        [
            "agenhood audit stub",
            str(stub.workspace_id),
            f"{stub.first_number}-{stub.last_number}",
            bytes(stub.last_hash).hex(),
            _moment(stub.last_time),
            _moment(stub.removed_at),
        ]
    ).encode()


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
