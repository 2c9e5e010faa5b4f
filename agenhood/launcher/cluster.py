"""The embedded PostgreSQL's files: made by initdb, of one major version, and who may log in."""

import os
import pwd
import shutil
from pathlib import Path

from agenhood.launcher.binaries import MAJOR
from agenhood.launcher.commands import last_lines, run
from agenhood.launcher.errors import LauncherError
from agenhood.launcher.server_user import ServerUser

SUPERUSER = "postgres"

# All that PostgreSQL needs: neither our secrets nor a PG* variable that would mislead it.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

INITDB_OPTIONS = (
    *("--username", SUPERUSER, "--auth-local=peer", "--auth-host=reject"),
    *("--data-checksums", "--no-instructions"),
    # Upper and lower case of all languages, and an order that no upgrade of the system changes.
    *("--encoding=UTF8", "--locale=C.UTF-8"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    *("--set", "timezone=UTC", "--set", "log_timezone=UTC"),
)


def make_cluster(cluster: Path, programs: Path, user: ServerUser, *, durable: bool) -> None:
    """Run initdb unless `cluster` exists; if it is interrupted, it does not exist afterwards.

    Raises LauncherError if it fails, or if another major version made the existing one.
    """
    if cluster.is_dir():
        _refuse_other_major(cluster)
        return
    cluster.parent.mkdir(mode=0o700, exist_ok=True)
    os.chown(cluster.parent, user.uid, user.gid)
    partial = cluster.with_name("cluster.partial")
    shutil.rmtree(partial, ignore_errors=True)
    sync = [] if durable else ["--no-sync"]
    initdb: list[str | Path] = [programs / "initdb", "--pgdata", partial]
    made, output = run([*initdb, *INITDB_OPTIONS, *sync], environment=ENVIRONMENT, user=user)
    if not made:
        raise LauncherError(f"PostgreSQL cannot create its files:\n{last_lines(output)}")
    partial.rename(cluster)


def write_access_rules(data: Path) -> dict[str, str]:
    """Write who may log in, and return the settings that name the two files.

    The superuser is whoever launches the server, known by user id; every role needs its password.
    """
    rules = data / "pg_hba.conf"
    rules.write_text(f"local all {SUPERUSER} peer map=launcher\nlocal all all scram-sha-256\n")
    names = data / "pg_ident.conf"
    names.write_text(f'launcher "{pwd.getpwuid(os.geteuid()).pw_name}" {SUPERUSER}\n')
    for file in (rules, names):
        file.chmod(0o644)
    return {"hba_file": str(rules), "ident_file": str(names)}


def _refuse_other_major(cluster: Path) -> None:
    found = (cluster / "PG_VERSION").read_text().strip()
    if found != str(MAJOR):
        raise LauncherError(
            f"The data in {cluster} was made by PostgreSQL {found}, and this release brings"
            f" PostgreSQL {MAJOR}. Dump it with the release that made it, and restore the dump into"
            " a new data folder (AGENHOOD_DATA)."
        )
