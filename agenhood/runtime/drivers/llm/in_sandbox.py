"""What the file tools do, inside the sandbox.

This file is handed to the sandbox's own Python as text, so it imports nothing of ours, and should
do with an older Python. It reads one JSON document from standard input, what to do and with which
arguments, and prints one. The agent's directory is where it starts; paths and links that lead out
of it are refused: a tool for files is no tool for /proc.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_BYTES = 20_000_000  # of a file that is read
MOST_LINES = 2_000
MOST_CHARACTERS = 30_000
# Of a line that is cut; the worker cuts them off, and finds a secret by them: its scrub.PIECE.
BEYOND = 200
MOST_ENTRIES = 1_000
HIDDEN = {".git", "node_modules", "__pycache__", ".venv"}  # not looked into when listing all


class Refused(Exception):
    """The message is for the model."""


def resolved(path: str) -> Path:
    """Return where a path leads, links followed. Raises Refused outside the directory."""
    root = Path.cwd().resolve()
    target = (root / path).resolve()
    if target != root and root not in target.parents:
        raise Refused("this path leads out of your directory")
    return target


def data_of(path: str) -> bytes:
    # Not blocking: opening a FIFO would wait for somebody who writes.
    descriptor = os.open(resolved(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("this is no regular file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Refused("this file is too large to be read at once: use a program")
    return data


def text_of(path: str) -> str:
    data = data_of(path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"this file is no UTF-8 text ({len(data)} bytes)") from None


def put(path: str, new: str) -> dict[str, Any]:
    """Write a whole file, in one step for whoever looks."""
    target = resolved(path)
    before = target.stat() if target.exists() else None
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise Refused("this is no regular file")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name[:100]}.{os.getpid()}")
    data = new.encode("utf-8")
    try:
        with beside.open("xb") as file:
            file.write(data)
        if before is not None:
            beside.chmod(before.st_mode & 0o777)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    change = "created" if before is None else "changed"
    return {
        "text": f"{change} {path} ({len(data)} bytes)",
        "changes": [[str(target.relative_to(Path.cwd().resolve())), change]],
    }


def read_file(path: str, first_line: int, lines: int) -> dict[str, Any]:
    found = text_of(path).splitlines(keepends=True)
    begin = first_line - 1
    if begin >= len(found) and begin:
        raise Refused(f"the file has only {len(found)} lines")
    shown: list[str] = []
    characters = 0
    for line in found[begin : begin + min(lines, MOST_LINES)]:
        characters += len(line)
        if characters > MOST_CHARACTERS and shown:
            break
        shown.append(line[: MOST_CHARACTERS + BEYOND])
    end = begin + len(shown)
    answer: dict[str, Any] = {"text": "".join(shown) or "[The file is empty.]"}
    # Then it is one line that is shown.
    answer["is_cut"] = len(answer["text"]) == MOST_CHARACTERS + BEYOND
    if begin or end < len(found):
        answer["note"] = f"\n[Lines {first_line} to {end} of {len(found)}.]"
    return answer


def write_file(path: str, content: str) -> dict[str, Any]:
    return put(path, content)


def edit_file(path: str, old: str, new: str, everywhere: bool) -> dict[str, Any]:
    before = text_of(path)
    times = before.count(old)
    if not times:
        raise Refused("the text to replace does not occur in the file")
    if times > 1 and not everywhere:
        raise Refused(f"the text to replace occurs {times} times: give more of it")
    done = put(path, before.replace(old, new))
    return {**done, "text": f"replaced {times} time{'s' if times > 1 else ''} in {path}"}


def list_files(path: str, recursive: bool) -> dict[str, Any]:
    top = resolved(path)
    if not top.is_dir():
        raise Refused("this is no directory")
    lines: list[str] = []
    folders = [top]
    for folder in folders:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if len(lines) == MOST_ENTRIES:
                return {"text": "\n".join([*lines, "[There are more: list a folder of them.]"])}
            lines.append(described(entry, top))
            if recursive and entry.is_dir(follow_symlinks=False) and entry.name not in HIDDEN:
                folders.append(Path(entry.path))
    return {"text": "\n".join(lines) or "[The directory is empty.]"}


def described(entry: os.DirEntry[str], top: Path) -> str:
    name = shown(str(Path(entry.path).relative_to(top)))
    if entry.is_symlink():
        return f"{name} -> {shown(str(Path(entry.path).readlink()))}"
    if entry.is_dir():
        return f"{name}/"
    return f"{name}  {entry.stat(follow_symlinks=False).st_size} bytes"


def shown(name: str) -> str:
    """Return a name that may be anything as part of a line."""
    return name if name.isprintable() else json.dumps(name)


TOOLS: dict[str, Callable[..., dict[str, Any]]] = {
    "read_file": read_file,
    "write_file": write_file,
    "edit_file": edit_file,
    "list_files": list_files,
}


def main() -> None:
    asked = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    try:
        result = TOOLS[asked["tool"]](**asked["arguments"])
    except Refused as error:
        result = {"error": str(error)}
    except OSError as error:
        result = {"error": (error.strerror or type(error).__name__).lower()}
    except RuntimeError:  # what older Pythons make of links in a circle
        result = {"error": "too many levels of symbolic links"}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
