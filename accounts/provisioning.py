"""Making accounts, which only the platform does: call these inside its scope."""

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User


class AccountExists(Exception):
    """There is an account with this address already."""


def account_for(email: str, name: str = "") -> tuple[User, bool]:
    """Return the account with this email and whether it was made now, without a password."""
    email = email.strip().lower()
    user = User.objects.filter(email=email).first()
    if user is not None:
        return user, False
    user = User.objects.create_user(email, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user, True


def make_account(email: str, name: str, *, password: str, verified: bool) -> User:
    """Make an account with a password, hashed already. `verified` says that its address was proven
    to be that person's. Raises AccountExists."""
    if User.objects.filter(email=email).exists():
        raise AccountExists(email)
    user = User(email=email, name=name, password=password)
    user.save()
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user


def set_password_path(user: User) -> str:
    """Return the path of a page that sets the account's password, once, within three days.

    It is the password reset's own page; the days are PASSWORD_RESET_TIMEOUT.
    """
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    return reverse("account_reset_password_from_key", args=key.split("-", 1))


def mail_set_password_link(request: HttpRequest, user: User, link: str) -> None:
    """Mail the link to the account's address. Raises OSError when the mail server refuses."""
    get_adapter(request).send_mail(
        "account/email/password_reset_key",
        user.email,
        {"user": user, "email": user.email, "password_reset_url": link, "request": request},
    )
