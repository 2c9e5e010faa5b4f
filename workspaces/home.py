"""What stands on a workspace's first page: tiles, and the first steps of a new workspace.

Each app has a `home` module that adds its own; this module knows none of them.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string

from workspaces.permissions import WorkspacePermission
from workspaces.requests import MemberRequest

logger = logging.getLogger("agenhood.home")

Content = Callable[[MemberRequest], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Tile:
    """`content` returns what `template` shows, or None where there is nothing to show. `is_wide`
    is as wide as the page."""

    title: str
    template: str
    permission: StrEnum
    order: int
    content: Content
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    tile: Tile
    html: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps. `url` is "" where the member may not do it; `who` says who may."""

    label: str
    done: bool
    url: str
    who: str = ""
    order: int = 0


Steps = Callable[[MemberRequest], list[Step]]
_tiles: list[Tile] = []
_steps: list[Steps] = []


def tile(
    title: str, template: str, permission: StrEnum, *, order: int, is_wide: bool = False
) -> Callable[[Content], Content]:
    """Add a tile, whose content the decorated function returns. It only reads."""

    def decorate(content: Content) -> Content:
        _tiles.append(Tile(title, template, permission, order, content, is_wide))
        return content

    return decorate


def steps(of_app: Steps) -> Steps:
    """Add steps to the list of first steps."""
    _steps.append(of_app)
    return of_app


def show(request: MemberRequest) -> list[Shown]:
    """Render the tiles that the member may see, each by itself: one that fails says so.

    All of them in one savepoint, as long as none fails; else once more, each in its own: a failed
    statement makes its transaction useless up to the savepoint before it.
    """
    visible = [one for one in _tiles if request.membership.may(one.permission)]
    visible.sort(key=lambda one: one.order)
    try:
        with transaction.atomic():
            shown = [_rendered(request, one) for one in visible]
    except Exception:
        shown = [_alone(request, one) for one in visible]
    return [one for one in shown if one is not None]


def _alone(request: MemberRequest, one: Tile) -> Shown | None:
    try:
        with transaction.atomic():
            return _rendered(request, one)
    except Exception:
        logger.exception("The tile “%s” failed", one.title)
        html = render_to_string("workspaces/_tile_failed.html", {"tile": one}, request)
        return Shown(one, html, failed=True)


def _rendered(request: MemberRequest, one: Tile) -> Shown | None:
    content = one.content(request)
    if content is None:
        return None
    return Shown(one, render_to_string(one.template, {"tile": one} | content, request))


@tile(
    "First steps",
    "workspaces/_tile_steps.html",
    WorkspacePermission.WORKSPACE_VIEW,
    order=0,
    is_wide=True,
)
def first_steps(request: MemberRequest) -> dict[str, Any] | None:
    """Gone once all of them are done."""
    found = [step for of_app in _steps for step in of_app(request)]
    if all(step.done for step in found):
        return None
    found.sort(key=lambda step: step.order)
    return {"steps": found, "done": sum(step.done for step in found)}
