"""Every address that the console answers at, read from the URL resolver."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLResolver, get_resolver


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    route: str
    view: Any

    @property
    def in_workspace(self) -> bool:
        return self.route.startswith("w/")

    @property
    def in_admin_site(self) -> bool:
        return self.name.startswith("admin:")

    @property
    def in_api(self) -> bool:
        """Whether a token is asked for: tests/api has the rules of these."""
        return self.name.startswith("api:")

    @property
    def is_open(self) -> bool:
        """Whether somebody who is not signed in gets past the sign-in middleware."""
        return not self.in_admin_site and not getattr(self.view, "login_required", True)


def addresses() -> list[Address]:
    return list(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list[Any], route: str, namespace: str) -> Iterator[Address]:
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, here, inner)
        else:
            yield Address(namespace + (pattern.name or ""), here, pattern.callback)
