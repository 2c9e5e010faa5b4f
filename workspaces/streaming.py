"""Streaming answers from inside a workspace.

Their chunks are made after the view has returned, when the request's scope is closed. Each chunk
enters it again, which asks again whether the person may: the stream of a member who was removed, or
whose role has changed, ends.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.http import HttpRequest, StreamingHttpResponse

from workspaces.requests import MemberRequest
from workspaces.scope import NotAMember, member_scope

_END: Any = object()


def rescope(request: MemberRequest, response: StreamingHttpResponse) -> None:
    """Make each chunk of `response` inside the workspace of `request`."""
    chunks: Any = response.streaming_content
    if response.is_async:
        response.streaming_content = _async_chunks(request, aiter(chunks))
    else:
        response.streaming_content = _chunks(request, iter(chunks))


def _chunks(request: MemberRequest, chunks: Iterator[bytes]) -> Iterator[bytes]:
    while (chunk := _next(request, chunks)) is not _END:
        yield chunk


async def _async_chunks(
    request: MemberRequest, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    while (chunk := await _anext(request, chunks)) is not _END:
        yield chunk


def _next(request: MemberRequest, chunks: Iterator[bytes]) -> Any:
    scope = _scope_again(request)
    if scope is None:
        return _END
    try:
        with scope:
            return next(chunks, _END) if _same_role(scope, request) else _END
    except NotAMember:
        return _END


async def _anext(request: MemberRequest, chunks: AsyncIterator[bytes]) -> Any:
    scope = await sync_to_async(_scope_again)(request)
    if scope is None:
        return _END
    try:
        async with scope:
            return await anext(chunks, _END) if _same_role(scope, request) else _END
    except NotAMember:
        return _END


def _scope_again(request: MemberRequest) -> member_scope | None:
    """Return the scope to enter, or None once the session has ended or the account is closed."""
    # A new store: the request's own keeps what it read at its start.
    session = type(request.session)(request.session.session_key)
    asking = HttpRequest()
    asking.session = session
    user = get_user(asking)
    if not user.is_authenticated or user.pk != request.user.pk:
        return None
    return member_scope(request.workspace.slug, user.pk)


def _same_role(scope: member_scope, request: MemberRequest) -> bool:
    """The view's permission was asked of the role that the member had then."""
    return scope.membership.role == request.membership.role
