# ruff: noqa: S607  ldd is the machine's own, wherever that has it
"""A small image for an engine that has no registry to ask: this machine's Python and its shell."""

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

# What hostile programs and the others of these tests use; whatever is not here they do without.
PROGRAMS = (
    *("python3", "sh", "cat", "cp", "date", "env", "grep", "id", "ln", "ls", "mkfifo", "chmod"),
    *("rm", "setsid", "sleep", "su", "tar", "true", "unshare"),
)
FOLDERS = ("bin", "sbin", "lib", "lib64")
UNNEEDED = re.compile(r"/(test|tests|idlelib|lib2to3|ensurepip|__pycache__|config-[^/]*)(/|$)")


def image() -> bytes:
    """Return a tar of its root. About 40 MB, in a second."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in FOLDERS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)
        for path in sorted(_files()):
            tar.add(path.resolve(), f"usr{str(path).removeprefix('/usr')}", recursive=False)
    return packed.getvalue()


def _files() -> set[Path]:
    found = {Path(where) for name in PROGRAMS if (where := shutil.which(name, path="/usr/bin"))}
    where = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", "import os; print(os.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {
        path
        for path in Path(where.stdout.strip()).parent.rglob("*")
        if path.is_file() and not UNNEEDED.search(str(path))
    }
    libraries = {
        Path(line if line.startswith("/usr") else f"/usr{line}")
        for path in [*found, *(path for path in modules if path.suffix == ".so")]
        for line in _libraries(path)
    }
    return found | modules | libraries


def _libraries(path: Path) -> list[str]:
    done = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)
