"""Whose containers are whose: a worker that was killed leaves some, and the next one removes them.

Each process that has containers holds a lock of its own, which dies with it.
"""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import docker
from docker.errors import APIError

from agenhood.fleet.agent_files.locks import locked
from agenhood.fleet.agent_files.place import root
from agenhood.runtime.sandbox.docker_engine.configuration import OWNER, PLACE

_guard = threading.Lock()
# By the folder of all agents' directories, of which only tests have more than one.
_own: dict[Path, str] = {}


def labels() -> dict[str, str]:
    """Return what tells that a container is of this process. Raises OSError."""
    folder = root() / "docker"
    with _guard:
        if folder not in _own:
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            _own[folder] = _new(folder)
        return {OWNER: _own[folder], PLACE: str(root())}


def _new(folder: Path) -> str:
    while True:  # until somebody who sweeps has not taken it for left behind
        name = str(uuid4())
        lock = locked(folder / name, fcntl.LOCK_EX)
        if (folder / name).exists():
            return name  # and never close it
        os.close(lock)


def sweep(client: docker.APIClient) -> None:
    """Remove the containers of owners that are gone. Raises APIError, RequestException."""
    folder = root() / "docker"
    mine = set(_own.values())
    found = client.containers(all=True, filters={"label": f"{PLACE}={root()}"})
    for container in found:
        owner = container["Labels"].get(OWNER, "")
        if owner not in mine and _is_gone(folder / Path(owner).name):
            with suppress(APIError):  # somebody else sweeps
                client.remove_container(container["Id"], force=True)
    owners = {container["Labels"].get(OWNER) for container in found}
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name not in mine | owners:
                _is_gone(path, remove=True)


def _is_gone(path: Path, *, remove: bool = False) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if remove:  # under its lock: one that has just begun sees that, and takes another name
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
