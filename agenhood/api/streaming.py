"""Long answers end with the right to them: each chunk asks for the token again."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from workspaces.tokens import TokenRefused, token_scope


def hold_to_token(request: Any, token: str, response: StreamingHttpResponse) -> None:
    """End the stream when the token is refused or may not do any more what began it."""
    chunks: Any = response.streaming_content
    response.streaming_content = _while_allowed(token, request.permission, aiter(chunks))


async def _while_allowed(
    token: str, permission: StrEnum, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    allowed = sync_to_async(_is_allowed)
    async for chunk in chunks:
        if not await allowed(token, permission):
            return
        yield chunk


def _is_allowed(token: str, permission: StrEnum) -> bool:
    try:
        with token_scope(token) as scope:
            return scope.holder.may(permission)
    except TokenRefused:
        return False
