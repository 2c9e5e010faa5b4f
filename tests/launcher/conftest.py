import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agenhood.launcher.postgres import EmbeddedPostgres


@contextmanager
def passable_folder() -> Iterator[Path]:
    """Not under `tmp_path`: only its owner can enter that, and root starts PostgreSQL as another
    user."""
    folder = Path(tempfile.mkdtemp(prefix="agenhood-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data() -> Iterator[Path]:
    """The path of a data folder to be."""
    with passable_folder() as folder:
        yield folder / "data"


@pytest.fixture(scope="session")
def fresh_data() -> Iterator[Path]:
    with passable_folder() as folder:
        server = EmbeddedPostgres(folder / "data", durable=False)
        server.start()
        server.stop()
        yield server.data


@pytest.fixture
def made_data(data: Path, fresh_data: Path) -> Path:
    """A data folder whose cluster is made already, which takes longer than all else here."""
    shutil.copytree(fresh_data, data)
    owner = (fresh_data / "postgres").stat()
    for path in ((data / "postgres"), *(data / "postgres").rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    return data


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables that tell the launcher what to do, those of this test run included."""
    others = {"DATABASE_URL", "DEMO", "EMAIL_URL", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PORT"}
    for name in os.environ:
        if name in others or name.startswith("AGENHOOD_"):
            monkeypatch.delenv(name)
