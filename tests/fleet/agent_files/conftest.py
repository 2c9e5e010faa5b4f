"""An agent's directory, really there: on a disk of its own where the tests run as root."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import uuid_utils.compat as uuid

from agenhood.fleet.agent_files import Place


@pytest.fixture
def agents_root(settings):
    """A folder that an agent's own user can pass through, which tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="agents-"))
    folder.chmod(0o711)
    settings.AGENHOOD_AGENTS = folder
    yield folder
    assert not [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if str(folder) in line
    ]
    shutil.rmtree(folder)


@pytest.fixture
def place(agents_root):
    return Place(uuid.uuid7(), uuid.uuid7(), disk_mb=16)


@pytest.fixture
def directory(place):
    """The directory itself, as the agent's programs have it."""
    with place.use() as usage:
        yield usage.path


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives agents disks and users")
