"""Which OpenID Connect provider people may sign in with: one, named by the settings, or none."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

PROVIDER = "oidc"


def oidc_providers(
    issuer: str, *, client_id: str, client_secret: str, name: str, https_only: bool
) -> dict[str, Any]:
    """Return allauth's SOCIALACCOUNT_PROVIDERS, empty without an issuer.

    The issuer is spelled as the provider itself spells it. Raises ImproperlyConfigured.
    """
    if not issuer:
        return {}
    address = urlsplit(issuer)
    if address.scheme not in ("https", "http") or not address.netloc:
        raise ImproperlyConfigured("AGENHOOD_OIDC_ISSUER must be an address: https://…")
    if https_only and address.scheme != "https":
        raise ImproperlyConfigured("AGENHOOD_OIDC_ISSUER must be reached over https.")
    if not client_id or not client_secret:
        raise ImproperlyConfigured(
            "AGENHOOD_OIDC_ISSUER needs AGENHOOD_OIDC_CLIENT_ID and AGENHOOD_OIDC_CLIENT_SECRET."
        )
    app = {
        "provider_id": PROVIDER,
        "name": name,
        "client_id": client_id,
        "secret": client_secret,
        "settings": {"server_url": issuer.rstrip("/"), "issuer": issuer},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
