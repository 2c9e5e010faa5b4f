"""Tokens: what programs sign in with, each for one workspace.

    with token_scope(text, request) as scope:
        if scope.holder.may(FleetPermission.AGENT_VIEW): ...

enters the token's workspace from its text alone, or raises TokenRefused. See docs/people.md.
"""

from workspaces.tokens.scope import TokenHolder, TokenRefused, token_scope

__all__ = ["TokenHolder", "TokenRefused", "token_scope"]
