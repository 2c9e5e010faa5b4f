"""The console's sections: what the side navigation shows, and where a switch of workspace lands.

Each app has a `sections` module that adds its own; this module knows none of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.urls import reverse

from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission


@dataclass(frozen=True, slots=True)
class Section:
    """`key` is what an address names it by, `icon` a symbol of static/icons.svg. Pages belong to it
    whose URL name begins with the noun of `url_name`, or with one of `nouns`."""

    key: str
    label: str
    icon: str
    url_name: str
    permission: StrEnum
    order: int
    nouns: tuple[str, ...] = ()


_sections: dict[str, Section] = {}


def add(section: Section) -> None:
    _sections[section.key] = section


def of_member(membership: Membership) -> list[Section]:
    """Return the sections that the member may see, in the navigation's order."""
    visible = [s for s in _sections.values() if membership.may(s.permission)]
    return sorted(visible, key=lambda section: section.order)


def landing_url(membership: Membership, key: str) -> str:
    """Return the address of a section in the member's workspace, or of its home.

    Never of one object: another workspace does not have it.
    """
    section = _sections.get(key)
    slug = membership.workspace.slug
    if section is None or not membership.may(section.permission):
        return reverse("workspaces:home", args=[slug])
    return reverse(section.url_name, args=[slug])


def key_of(url_name: str) -> str:
    """Return the section that the page of this URL name belongs to, or ""."""
    noun = _noun(url_name)
    return next((s.key for s in _sections.values() if noun in (_noun(s.url_name), *s.nouns)), "")


def _noun(url_name: str) -> str:
    return url_name.partition(":")[2].partition("-")[0]


add(Section("home", "Home", "home", "workspaces:home", WorkspacePermission.WORKSPACE_VIEW, 0))
add(
    Section(
        "members",
        "Members",
        "members",
        "workspaces:member-list",
        WorkspacePermission.MEMBER_VIEW,
        90,
        nouns=("invitation", "service_account", "token"),
    )
)
add(
    Section(
        "settings",
        "Settings",
        "settings",
        "workspaces:settings-general",
        WorkspacePermission.SETTINGS_EDIT,
        99,
    )
)
add(
    Section(
        "exports",
        "Exports",
        "download",
        "workspaces:export-list",
        WorkspacePermission.EXPORT_OWN,
        96,
    )
)
add(
    Section(
        "audit",
        "Audit",
        "audit",
        "workspaces:audit-list",
        WorkspacePermission.AUDIT_VIEW,
        95,
    )
)
