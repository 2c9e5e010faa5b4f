"""The signature of a stub, which says that retention removed the entries and nobody else.

The master key ring seals nothing, for the stub's words as context: who lacks a master key can make
no such seal, and it opens for no other words.
"""

from datetime import UTC, datetime

from accounts import master_key
from workspaces.audit.models import AuditStub


def sign(stub: AuditStub) -> None:
    stub.signature = master_key.seal(b"", _words(stub))


def is_signed(stub: AuditStub) -> bool:
    try:
        return master_key.open_sealed(stub.signature, _words(stub)) == b""
    except master_key.CannotOpen:
        return False


def resigned(stub: AuditStub) -> bool:
    """Have the first master key sign, if another one did; return whether that was so."""
    before = bytes(stub.signature)
    stub.signature = master_key.reseal(before, _words(stub))
    return bytes(stub.signature) != before


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
