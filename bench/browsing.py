"""A signed-in person whose requests go through the whole stack in this process.

The WSGI handler does what the server does for a request, from its start to the closed response,
and adds nothing: a client for tests would cost both sides of a ratio the same and so flatter it.
"""

import io
import socket
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from accounts.models import User
from agenhood.launcher.serve import HOST
from workspaces import recents

Application = Callable[..., Any]


def sign_in(user: User, workspace_id: Any) -> str:
    """Return the key of a session in which the workspace is already the active one.

    Visiting it thus writes nothing, as on a person's second page in a workspace.
    """
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[recents.ACTIVE] = str(workspace_id)
    session.create()
    return str(session.session_key)


def get(application: Application, path: str, session_key: str) -> bytes:
    """Answer a request and return the page. Raises RuntimeError if it is none."""
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_HOST": "localhost",
        "HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={session_key}",
        "wsgi.input": io.BytesIO(),
    }
    setup_testing_defaults(environ)
    response = application(environ, lambda *_status_and_headers: None)
    page = b"".join(response)
    response.close()
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}")
    return page


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
