"""Asking Docker Engine, and what its refusals mean in words."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from django.conf import settings
from docker.errors import APIError, DockerException

from agenhood.runtime.sandbox.engine import SandboxError

ANSWERS_WITHIN_SECONDS = 60
NO_ENGINE = (
    "Docker Engine does not answer at {socket}. Start it, let this user write to its socket, or"
    " say where it is with AGENHOOD_DOCKER_SOCKET."
)


def client() -> docker.APIClient:
    """Return one for a single thread at a time. Raises SandboxError."""
    with socket.socket(socket.AF_UNIX) as knocking:  # the library leaves its own open on a refusal
        if knocking.connect_ex(settings.AGENHOOD_DOCKER_SOCKET) != 0:
            raise SandboxError(NO_ENGINE.format(socket=settings.AGENHOOD_DOCKER_SOCKET))
    with in_words():
        return docker.APIClient(
            base_url=f"unix://{settings.AGENHOOD_DOCKER_SOCKET}",
            version="auto",
            timeout=ANSWERS_WITHIN_SECONDS,
        )


@contextmanager
def in_words() -> Iterator[None]:
    """Raise SandboxError for what Docker's library raises."""
    try:
        yield
    except APIError as error:
        raise SandboxError(f"Docker Engine: {error.explanation or error}") from None
    except (DockerException, requests.RequestException):
        raise SandboxError(NO_ENGINE.format(socket=settings.AGENHOOD_DOCKER_SOCKET)) from None
