"""What members do with tokens and service accounts, each inside the workspace's scope."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from workspaces.audit import record
from workspaces.membership import MembershipRefused, as_they_are_now
from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission
from workspaces.roles import Role
from workspaces.tokens.models import ServiceAccount, Token
from workspaces.tokens.scopes import grantable
from workspaces.tokens.text import digest_of, new_text, prefix_of

MOST_TOKENS = 50  # that are live, of one owner
MOST_ACCOUNTS = 50
DEFAULT_DAYS, MOST_DAYS = 90, 365


class TokenActionRefused(Exception):
    """The change is not possible; the message says why, for the person who asked."""


@sensitive_variables()
def create_token(
    *,
    name: str,
    scopes: Collection[str],
    days: int | None = DEFAULT_DAYS,
    by: Membership,
    service_account: ServiceAccount | None = None,
) -> tuple[Token, str]:
    """Make a token of a member's own, or of a service account; return it and its text.

    The text is stored nowhere: show it now. `days` is how long it lives, 1 to 365; None is for
    ever, for service accounts alone. Raises TokenActionRefused.
    """
    _stand(by)
    owner: dict[str, Any]
    if service_account is None:
        _refuse_without(by, WorkspacePermission.TOKEN_OWN)
        owner, role = {"membership": by}, Role(by.role)
    else:
        _refuse_without(by, WorkspacePermission.SERVICE_ACCOUNT_MANAGE)
        service_account = _locked(service_account)
        if service_account.disabled_at is not None:
            raise TokenActionRefused(f"{service_account} is disabled: enable it first.")
        owner, role = {"service_account": service_account}, Role(service_account.role)
    scopes = sorted(set(scopes))
    if not scopes or not set(scopes) <= set(grantable(role)):
        raise TokenActionRefused("Choose permissions that the role holds.")
    if Token.objects.live().filter(**owner).count() >= MOST_TOKENS:
        raise TokenActionRefused(f"There are {MOST_TOKENS} tokens already: revoke one first.")
    text = new_text(by.workspace_id)
    token = Token(
        name=name,
        scopes=scopes,
        expires_at=_expiry(days, service_account),
        prefix=prefix_of(text),
        digest=digest_of(text),
        created_by_id=by.user_id,
        **owner,
    )
    token.save()
    changes = {
        "owner": (None, str(service_account) if service_account else by.audit_label),
        "scopes": (None, scopes),
        "expires_at": (None, token.expires_at),
    }
    record("token.create", token, changes=changes)
    return token, text


def revoke_token(token: Token, *, by: Membership) -> None:
    """End a token, from the next request on: one's own, or as a manager anybody's.

    Ending it again changes nothing. Raises TokenActionRefused.
    """
    _stand(by)
    own = token.membership_id is not None and token.membership_id == by.pk
    of_member = token.membership_id is not None
    needed = WorkspacePermission.MEMBER_MANAGE
    if own:
        needed = WorkspacePermission.TOKEN_OWN
    elif not of_member:
        needed = WorkspacePermission.SERVICE_ACCOUNT_MANAGE
    _refuse_without(by, needed)
    now = timezone.now()
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
        token.revoked_at = now
        record("token.revoke", token, changes={"revoked": (False, True)})


def create_service_account(*, name: str, role: Role, by: Membership) -> ServiceAccount:
    """Make a service account, its role not above the maker's. Raises TokenActionRefused."""
    _stand(by)
    _refuse_role(role, by)
    if ServiceAccount.objects.count() >= MOST_ACCOUNTS:
        raise TokenActionRefused(f"A workspace has {MOST_ACCOUNTS} service accounts at most.")
    account = ServiceAccount(name=name, role=role, created_by_id=by.user_id)
    with _name_taken():
        account.save()
    record("service_account.create", account, changes={"role": (None, role)})
    return account


def change_service_account(
    account: ServiceAccount, *, name: str, role: Role, by: Membership
) -> ServiceAccount:
    """Rename a service account and give it another role, which acts on its tokens at once."""
    _stand(by)
    account = _locked(account)
    _refuse_role(role, by)
    if Role(account.role).rank < Role(by.role).rank:
        raise TokenActionRefused("This account's role is above yours.")
    before = {"name": account.name, "role": account.role}
    account.name, account.role = name, role
    changes = {f: (was, getattr(account, f)) for f, was in before.items()}
    changes = {f: pair for f, pair in changes.items() if pair[0] != pair[1]}
    if changes:
        with _name_taken():
            account.save(update_fields=["name", "role"])
        record("service_account.change", account, changes=changes)
    return account


def set_service_account_disabled(
    account: ServiceAccount, disabled: bool, *, by: Membership
) -> ServiceAccount:
    """Stop a service account's tokens from the next request on, or let those that live work again.

    Raises TokenActionRefused.
    """
    _stand(by)
    _refuse_without(by, WorkspacePermission.SERVICE_ACCOUNT_MANAGE)
    account = _locked(account)
    if disabled == (account.disabled_at is not None):
        return account
    if Role(account.role).rank < Role(by.role).rank:
        raise TokenActionRefused("This account's role is above yours.")
    account.disabled_at = timezone.now() if disabled else None
    account.save(update_fields=["disabled_at"])
    verb = "disable" if disabled else "enable"
    record(f"service_account.{verb}", account, changes={"disabled": (not disabled, disabled)})
    return account


def _expiry(days: int | None, service_account: ServiceAccount | None) -> datetime | None:
    if days is None:
        if service_account is None:
            raise TokenActionRefused("A person's token expires.")
        return None
    if not 1 <= days <= MOST_DAYS:
        raise TokenActionRefused(f"A token lives {MOST_DAYS} days at most.")
    return timezone.now() + timedelta(days=days)


def _stand(by: Membership) -> None:
    """Wait for others who change this workspace's members, and read one's role again."""
    try:
        as_they_are_now(by)
    except MembershipRefused:
        raise TokenActionRefused("You are no member any more.") from None


def _refuse_without(by: Membership, permission: WorkspacePermission) -> None:
    if not by.may(permission):
        raise TokenActionRefused("Your role does not allow this any more.")


def _refuse_role(role: Role, by: Membership) -> None:
    _refuse_without(by, WorkspacePermission.SERVICE_ACCOUNT_MANAGE)
    if role not in assignable_to_accounts(Role(by.role)):
        raise TokenActionRefused("You can give a service account your own role or one below it.")


def assignable_to_accounts(role: Role) -> list[Role]:
    """Return the roles that a member with this one may give to service accounts."""
    return [given for given in ServiceAccount.ROLES if given.rank >= role.rank]


def _locked(account: ServiceAccount) -> ServiceAccount:
    pk: UUID = account.pk
    return ServiceAccount.objects.select_for_update(no_key=True).get(pk=pk)


@contextmanager
def _name_taken() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "name_unique" in str(error):
            raise TokenActionRefused(
                "This workspace already has an account of that name."
            ) from error
        raise
