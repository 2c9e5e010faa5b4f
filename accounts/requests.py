"""What a request carries once the middleware has run, for type checkers and readers."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class SignedInRequest(HttpRequest):
    """A request that SignInRequiredMiddleware let through."""

    user: User
    htmx: HtmxDetails
