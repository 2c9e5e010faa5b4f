"""What is done with credentials: stored, rotated, revoked, opened for a task.

Each in a workspace's scope. A refusal says why, for the person who asked, and changes nothing. A
value goes in as bytes and comes out as a `Secret`, by `open_for_task` alone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from agenhood.fleet.models import Agent, Credential, CredentialGrant, CredentialVersion, Task
from workspaces.audit import record
from workspaces.secrets import Secret, fingerprint, last_four, open_sealed, seal

FIELD = "sealed"  # of a version: what its value is sealed for


class CredentialRefused(Exception):
    """The change is not possible now; the message says why."""


class EditConflict(CredentialRefused):
    """Somebody else has changed the credential since it was read: `credential` as it is now."""

    def __init__(self, credential: Credential) -> None:
        super().__init__(f"{credential} has been changed meanwhile.")
        self.credential = credential


class CredentialInUse(CredentialRefused):
    """Agents use it, so that it cannot be deleted."""


class NotOpened(CredentialRefused):
    """It is not opened for this task: revoked, expired, or not given to the task's agent."""


@sensitive_variables("secret", "version")
def create(
    *,
    name: str,
    kind: str,
    fields: Mapping[str, str],
    secret: bytes,
    expires_at: datetime | None,
    by: User,
) -> Credential:
    """Store a secret for the first time. Raises CredentialRefused for a name just taken."""
    credential = Credential(
        name=name, kind=kind, fields=dict(fields), expires_at=expires_at, created_by=by
    )
    _save(credential)
    _add_version(credential, 1, secret, by)
    changes = {field: ("", value) for field, value in _described(credential).items() if value}
    record("credential.create", credential, changes=changes | {"value": ("", "set")})
    return credential


def change(
    credential: Credential,
    *,
    name: str,
    fields: Mapping[str, str],
    expires_at: datetime | None,
    seen: int,
) -> Credential:
    """Change all but the value. `seen` is the edition that the person read.

    Raises EditConflict, and CredentialRefused for a revoked one or a name just taken.
    """
    stored = _locked(credential)
    if stored.edition != seen:
        raise EditConflict(stored)
    _refuse_revoked(stored)
    before = _described(stored)
    stored.name, stored.fields, stored.expires_at = name, dict(fields), expires_at
    after = _described(stored)
    changed = {key: (before[key], after[key]) for key in after if before[key] != after[key]}
    stored.edition += bool(changed)
    _save(stored)
    record("credential.change", stored, changes=changed)
    return stored


@sensitive_variables("secret", "version")
def rotate(
    credential: Credential,
    *,
    secret: bytes,
    by: User,
    seen: int,
    expires_at: datetime | None = None,
) -> CredentialVersion:
    """Give a credential a new value, as its next version. `seen` is the version that was read.

    Tasks that run keep the version that they began with. Raises EditConflict when somebody else
    was quicker, and CredentialRefused for a revoked one.
    """
    stored = _locked(credential)
    if stored.current_version != seen:
        raise EditConflict(stored)
    _refuse_revoked(stored)
    before = stored.expires_at
    stored.current_version, stored.expires_at = seen + 1, expires_at
    version = _add_version(stored, stored.current_version, secret, by)
    stored.save(update_fields=["current_version", "expires_at"])
    changes: dict[str, tuple[Any, Any]] = {
        "value": ("set", "replaced"),
        "version": (seen, stored.current_version),
    }
    if before != expires_at:
        changes["expires_at"] = (before, expires_at)
    record("credential.rotate", stored, changes=changes)
    _forget_unused(stored)
    return version


def revoke(credential: Credential) -> Credential:
    """Forget every value of a credential for good. Tasks that run with it find it gone."""
    stored = _locked(credential)
    before = "removed" if stored.revoked_at else "set"
    stored.revoked_at = stored.revoked_at or timezone.now()
    stored.save(update_fields=["revoked_at"])
    _forget(stored.versions.all())
    record("credential.revoke", stored, changes={"value": (before, "removed")})
    return stored


def delete(credential: Credential) -> None:
    """Delete a credential that no agent uses. Raises CredentialInUse."""
    stored = _locked(credential)
    try:
        with transaction.atomic():
            record("credential.delete", stored)
            stored.delete()
    except (ProtectedError, IntegrityError) as error:
        raise CredentialInUse("An agent uses this credential, so it cannot be deleted.") from error


@sensitive_variables("value")
def open_for_task(credential: Credential, task: Task) -> Secret:
    """Return a credential's value for a running task of an agent that was given it.

    The version is the one that was current when the task began. Notes the use. Call it in a scope
    that is left at once: until then the credential's row is locked, for changes only.
    Raises NotOpened, and CannotOpen when the workspace's key does not open it.
    """
    stored = Credential.objects.filter(pk=credential.pk).first()
    if stored is None or stored.revoked_at:
        raise NotOpened(f"The credential {credential} has been revoked.")
    if stored.is_expired:
        raise NotOpened(f"The credential {stored} has expired.")
    if task.state != Task.State.RUNNING or not _is_given(stored, task.agent_id):
        raise NotOpened(f"The credential {stored} is not given to what task {task} runs.")
    versions = list(stored.versions.exclude(sealed=None).order_by("number"))
    version = _version_at(versions, task.started_at)
    if version is None:
        raise NotOpened(f"The credential {stored} has no value any more.")
    value = open_sealed(version, FIELD, bytes(version.sealed or b""))
    # Whoever holds the row already notes a use, or changes it: a task does not wait for that.
    if Credential.objects.select_for_update(skip_locked=True).filter(pk=stored.pk).first():
        stored.last_used_at, stored.last_used_by = timezone.now(), task
        stored.save(update_fields=["last_used_at", "last_used_by"])
        if len(versions) > 1:
            _forget_unused(stored)
    return Secret(value)


@sensitive_variables("secret")
def stored_before(secret: bytes) -> CredentialVersion | None:
    """Return a version of this workspace with the same value, current ones first, with its
    credential."""
    if not secret:
        return None
    same = CredentialVersion.objects.filter(fingerprint=fingerprint(secret))
    return same.select_related("credential").order_by("credential__revoked_at", "-number").first()


def agents_using(credential: Credential) -> list[Agent]:
    """Return the agents that would be without it, by name; archived ones do not run."""
    return list(Agent.objects.active().filter(_uses(credential)).order_by("name"))


def agents_holding(credential: Credential) -> list[Agent]:
    """Return the agents that keep it from being deleted, archived ones too, by name."""
    return list(Agent.objects.filter(_uses(credential)).order_by("name"))


def tasks_using(credential: Credential) -> list[Task]:
    """Return the tasks that run now and may open it, the oldest first."""
    running = Task.objects.filter(
        state=Task.State.RUNNING, agent__in=Agent.objects.filter(_uses(credential))
    )
    return list(running.select_related("agent", "conversation").order_by("started_at"))


def forget_unused_versions() -> int:
    """Forget every old value of the workspace that no running task needs; return how many."""
    rotated = Credential.objects.usable().filter(current_version__gt=1).order_by("pk")
    return sum(_forget_unused(credential) for credential in rotated.select_for_update())


def _uses(credential: Credential) -> Q:
    granted = CredentialGrant.objects.filter(credential=credential).values("agent")
    return Q(provider_credential=credential) | Q(pk__in=granted)


def _is_given(credential: Credential, agent_id: Any) -> bool:
    return Agent.objects.filter(_uses(credential), pk=agent_id).exists()


@sensitive_variables("secret", "version")
def _add_version(credential: Credential, number: int, secret: bytes, by: User) -> CredentialVersion:
    version = CredentialVersion(credential=credential, number=number, created_by=by)
    version.sealed = seal(version, FIELD, secret)
    version.last_four = last_four(secret)
    version.fingerprint = fingerprint(secret) if secret else ""
    version.save()
    return version


def _version_at(
    versions: list[CredentialVersion], moment: datetime | None
) -> CredentialVersion | None:
    """Return the version that was current at a moment, of those that are not forgotten."""
    before = [version for version in versions if moment and version.created_at <= moment]
    # One that its agent was given after the task began opens with what it is now.
    return before[-1] if before else next(reversed(versions), None)


def _forget_unused(credential: Credential) -> int:
    """Forget the old versions that no running task began with."""
    versions = list(credential.versions.exclude(sealed=None).order_by("number"))
    needed = {version.pk for version in versions if version.number == credential.current_version}
    if len(versions) > len(needed):
        for task in tasks_using(credential):
            version = _version_at(versions, task.started_at)
            needed |= {version.pk} if version else set()
    return _forget(credential.versions.exclude(pk__in=needed))


def _forget(versions: Any) -> int:
    return versions.exclude(sealed=None).update(sealed=None, forgotten_at=timezone.now())


def _locked(credential: Credential) -> Credential:
    """Return the stored row, locked until the scope ends. Raises CredentialRefused if gone."""
    stored = Credential.objects.select_for_update().filter(pk=credential.pk).first()
    if stored is None:
        raise CredentialRefused(f"{credential} has been deleted meanwhile.")
    return stored


def _refuse_revoked(credential: Credential) -> None:
    if credential.revoked_at:
        raise CredentialRefused(f"{credential} has been revoked: store a new one instead.")


def _save(credential: Credential) -> None:
    try:
        with transaction.atomic():
            credential.save()
    except IntegrityError as error:
        if "fleet_credential_name_unique" not in str(error):
            raise
        raise CredentialRefused("This workspace already has a credential of that name.") from error


def _described(credential: Credential) -> dict[str, Any]:
    """Return what the trail tells of a credential: everything but its value."""
    return {
        "name": credential.name,
        "kind": credential.kind,
        "expires_at": credential.expires_at,
        **credential.fields,
    }
