"""Docker Engine, where one answers: the same tests then run in its containers, too."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.test import override_settings

from agenhood.runtime.sandbox.docker_engine import DockerEngine
from agenhood.runtime.sandbox.docker_engine.client import client
from tests.runtime.sandbox import docker_image

ABSENT = f"NOT TESTED: Docker Engine, since none answers at {settings.AGENHOOD_DOCKER_SOCKET}"


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX) as engine, suppress(OSError):
        engine.connect(settings.AGENHOOD_DOCKER_SOCKET)
        return True
    return False


ENGINES = ["bubblewrap", *(["docker"] if _answers() else [])]


@contextmanager
def docker_engine() -> Iterator[DockerEngine]:
    """Have an image and settings for it, by which no container is kept."""
    given = os.environ.get("AGENHOOD_DOCKER_IMAGE")
    name = given or f"agenhood-tests:{os.getpid()}"
    with override_settings(
        AGENHOOD_SANDBOX="docker", AGENHOOD_DOCKER_IMAGE=name, AGENHOOD_DOCKER_IDLE_SECONDS=0
    ):
        asking = client()
        try:
            if not given:
                asking.import_image_from_data(docker_image.image(), *name.split(":"))
            yield DockerEngine()
            if not given:
                asking.remove_image(name)
        finally:
            asking.close()


def containers_of(agent_id: object) -> list[str]:
    """Return the ids of an agent's containers."""
    asking = client()
    try:
        found = asking.containers(all=True, filters={"label": f"agenhood.agent={agent_id}"})
    finally:
        asking.close()
    return [container["Id"] for container in found]
