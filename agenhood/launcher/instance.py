"""An instance: its data folder, its database, and the environment of the processes that use it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agenhood.launcher import env_file
from agenhood.launcher.children import child
from agenhood.launcher.data import exclusive, make_data_folder
from agenhood.launcher.database import database
from agenhood.launcher.env_file import DATABASE_URLS
from agenhood.launcher.errors import LauncherError, refuse_full_disk
from agenhood.launcher.paths import data_folder

# Measured: a new cluster with its first write-ahead log is 40 MB, a copy of the binaries 38 MB.
# Later only room to go on writing is needed.
NEW_DATA_MB = 300
KNOWN_DATA_MB = 50

# Connections; a request in work holds one, and the embedded server allows 100 in all.
POOL_SIZE = 20

# What a process that serves requests must not be able to read.
NOT_FOR_SERVING = {
    DATABASE_URLS["agenhood_owner"],
    DATABASE_URLS["agenhood_backup"],
    "AGENHOOD_ADMIN_PASSWORD",
    "AGENHOOD_DEMO_PASSWORD",
}


@dataclass(frozen=True)
class Instance:
    data: Path
    environment: dict[str, str]

    @property
    def serving_environment(self) -> dict[str, str]:
        wanted = {k: v for k, v in self.environment.items() if k not in NOT_FOR_SERVING}
        return {"AGENHOOD_DATABASE_POOL": str(POOL_SIZE), **wanted}

    @property
    def working_environment(self) -> dict[str, str]:
        """Of workers, whose jobs each open a connection of their own."""
        return {**self.serving_environment, "AGENHOOD_DATABASE_POOL": "0"}

    def prepare(self, *, demo: bool = False) -> None:
        """Migrate, and make the first account and, if asked, the samples. Raises LauncherError."""
        command: list[str | Path] = [sys.executable, "-m", "agenhood.launcher.prepare"]
        if demo:
            command.append("--demo")
        with exclusive(self.data / "prepare.lock"), child(command, self.environment) as process:
            if process.wait() != 0:
                raise LauncherError("The instance could not be prepared; the reason is above.")


@contextmanager
def instance(data: Path, *, repair_roles: bool) -> Iterator[Instance]:
    """Have the database running for a block, and yield the instance. Raises LauncherError."""
    with database(data, repair_roles=repair_roles) as logins:
        environment = {
            **env_file.settings(data / "env"),
            # Children get all of it here: they need not, and the server should not, read the file.
            "AGENHOOD_ENV_FILE": "",
            **os.environ,
            **logins,
            "AGENHOOD_DATA": str(data),
        }
        yield Instance(data, environment)


def refuse_demo_in_production(data: Path) -> None:
    """Raise LauncherError if the instance's mode is production, or is about to be."""
    mode = os.environ.get("AGENHOOD_MODE") or env_file.read(data / "env").get("AGENHOOD_MODE")
    if mode == "production":
        raise LauncherError(
            "This instance is in production mode, and the demo is not for production: its accounts"
            " share a password. Try it on data of its own, in development mode:"
            f" make demo AGENHOOD_MODE=development AGENHOOD_DATA={data}-demo"
        )


def usable_data_folder() -> Path:
    """Return the data folder, made if need be, on a disk with room. Raises LauncherError."""
    data = data_folder()
    refuse_full_disk(
        data,
        needed_mb=KNOWN_DATA_MB if (data / "env").exists() else NEW_DATA_MB,
        advice="Make room, or choose a folder on another disk with AGENHOOD_DATA.",
    )
    make_data_folder(data)
    return data
