"""`<data folder>/env`: an instance's secrets and settings, KEY=value a line, for its owner only.

What an operator adds to it is kept; settings.py reads it for what the environment lacks.
"""

import base64
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

DATABASE_URLS = {
    "agenhood_app": "DATABASE_URL",
    "agenhood_owner": "AGENHOOD_OWNER_DATABASE_URL",
    "agenhood_backup": "AGENHOOD_BACKUP_DATABASE_URL",
}


def read(file: Path) -> dict[str, str]:
    """Return what the file says; nothing if there is none."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def update(file: Path, values: dict[str, str]) -> None:
    """Set `values` and keep every other line. A reader sees the old file or the new one."""
    if read(file).items() >= values.items():
        return
    old = file.read_text().splitlines() if file.exists() else []
    kept = [line for line in old if line.partition("=")[0].strip() not in values]
    lines = [*kept, *(f"{key}={value}" for key, value in values.items())]
    partial = file.with_name("env.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write("\n".join(lines) + "\n")
        os.fsync(stream.fileno())
    partial.replace(file)


def settings(file: Path) -> dict[str, str]:
    """Return the file's settings; makes the keys that it lacks, and chooses the mode."""
    known = read(file)
    update(
        file,
        {
            "AGENHOOD_SECRET_KEY": known.get("AGENHOOD_SECRET_KEY") or secrets.token_urlsafe(50),
            "AGENHOOD_MASTER_KEY": known.get("AGENHOOD_MASTER_KEY")
            or base64.b64encode(secrets.token_bytes(32)).decode(),
            "AGENHOOD_MODE": known.get("AGENHOOD_MODE")
            or os.environ.get("AGENHOOD_MODE")
            or "development",
        },
    )
    return read(file)


def has_role_passwords(file: Path) -> bool:
    """Tell whether the file knows the password of each role that logs in."""
    known = read(file)
    return all(urlsplit(known.get(key, "")).password for key in DATABASE_URLS.values())


def role_passwords(file: Path) -> dict[str, str]:
    """Return the password of each role that logs in: the one in the file, else a new one."""
    known = read(file)
    return {
        role: urlsplit(known.get(key, "")).password or secrets.token_urlsafe(24)
        for role, key in DATABASE_URLS.items()
    }
