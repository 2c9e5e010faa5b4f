"""Real engines, and directories that an agent's own user can reach."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from agenhood.runtime.sandbox import cgroups
from agenhood.runtime.sandbox.bubblewrap import Bubblewrap
from tests.runtime.sandbox.docker_here import ENGINES, docker_engine


@pytest.fixture(scope="module")
def agents() -> Iterator[Path]:
    """The folder of all agents' directories; at the end nothing of a sandbox is left."""
    folder = Path(tempfile.mkdtemp(prefix="agents-"))
    folder.chmod(0o755)
    with override_settings(AGENHOOD_AGENTS=folder):
        yield folder
    assert str(folder) not in Path("/proc/self/mounts").read_text()
    # Not shutil.rmtree, which a folder without a bottom ends.
    subprocess.run(["rm", "-rf", str(folder)], check=True)  # noqa: S607


@pytest.fixture(scope="module", params=ENGINES)
def engine(request, agents):
    if request.param == "bubblewrap":
        yield Bubblewrap()
    else:
        with docker_engine() as engine:
            yield engine


@pytest.fixture
def groups():
    """Return a function that lists the control groups there are."""
    return lambda: {
        child for hierarchy in cgroups.hierarchies() for child in hierarchy.folder.glob("*/")
    }
