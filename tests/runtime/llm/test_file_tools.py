"""The program that carries out the file tools, in a directory of its own and outside a sandbox:
what it refuses by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agenhood.runtime.drivers.llm.tools import FILE_PROGRAM


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("not yours")
    directory = tmp_path / "agent"
    directory.mkdir()
    (tmp_path / "agent-of-another").mkdir()
    (tmp_path / "agent-of-another" / "secret").write_text("not yours")
    return directory


def do(directory: Path, tool: str, **arguments: Any) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", FILE_PROGRAM],
        input=json.dumps({"tool": tool, "arguments": arguments}).encode(),
        cwd=directory,
        capture_output=True,
        check=True,
        timeout=20,
    )
    return dict(json.loads(done.stdout))


def read(directory: Path, path: str, **more: Any) -> dict[str, Any]:
    return do(directory, "read_file", path=path, **{"first_line": 1, "lines": 2000} | more)


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "/etc/hostname",
        "/proc/self/environ",
        "folder/../../secret",
        "../agent-of-another/secret",
        "out",
        "hop",
        "up/secret",
    ],
)
def test_no_path_leads_out(directory: Path, path: str) -> None:
    (directory / "folder").mkdir()
    (directory / "out").symlink_to("/etc/hostname")
    (directory / "hop").symlink_to("folder/../../secret")
    (directory / "up").symlink_to("..")

    answers = [
        read(directory, path),
        do(directory, "write_file", path=path, content="mine"),
        do(directory, "edit_file", path=path, old="not", new="all", everywhere=True),
        do(directory, "list_files", path=path, recursive=True),
    ]

    assert [answer["error"] for answer in answers] == ["this path leads out of your directory"] * 4
    assert (directory.parent / "secret").read_text() == "not yours"


def test_a_link_inside_is_followed(directory: Path) -> None:
    (directory / "real").write_text("old")
    (directory / "link").symlink_to("real")

    do(directory, "write_file", path="link", content="new")

    assert (directory / "link").is_symlink()
    assert (directory / "real").read_text() == "new"
    assert read(directory, "link")["text"] == "new"


def test_what_is_no_file(directory: Path) -> None:
    os.mkfifo(directory / "pipe")
    (directory / "folder").mkdir()
    (directory / "circle").symlink_to("circle")

    assert read(directory, "pipe")["error"] == "this is no regular file"
    assert "error" in do(directory, "write_file", path="pipe", content="x")
    assert "error" in read(directory, "folder")
    assert "error" in do(directory, "write_file", path="folder", content="x")
    assert "error" in read(directory, "circle")
    assert read(directory, "nothing")["error"] == "no such file or directory"
    assert "error" in do(directory, "list_files", path="pipe", recursive=False)


def test_writing_makes_folders_and_keeps_the_mode(directory: Path) -> None:
    first = do(directory, "write_file", path="a/b/c.sh", content="one")
    (directory / "a/b/c.sh").chmod(0o750)
    second = do(directory, "write_file", path="./a/../a/b/c.sh", content="two\n")

    assert first["changes"] == [["a/b/c.sh", "created"]]
    assert second["changes"] == [["a/b/c.sh", "changed"]]
    assert (directory / "a/b/c.sh").read_text() == "two\n"
    assert (directory / "a/b/c.sh").stat().st_mode & 0o777 == 0o750
    assert [path.name for path in (directory / "a/b").iterdir()] == ["c.sh"]


def test_editing(directory: Path) -> None:
    (directory / "f").write_text("one two one\n")

    several = do(directory, "edit_file", path="f", old="one", new="1", everywhere=False)
    none = do(directory, "edit_file", path="f", old="three", new="3", everywhere=False)
    once = do(directory, "edit_file", path="f", old="two", new="2\\1", everywhere=False)
    all_of_them = do(directory, "edit_file", path="f", old="one", new="1", everywhere=True)

    assert "occurs 2 times" in several["error"]
    assert "does not occur" in none["error"]
    assert once["text"] == "replaced 1 time in f"
    assert all_of_them["text"] == "replaced 2 times in f"
    assert (directory / "f").read_text() == "1 2\\1 1\n"


def test_reading_in_parts(directory: Path) -> None:
    (directory / "f").write_text("".join(f"line {number}\n" for number in range(1, 5001)))
    (directory / "binary").write_bytes(b"\x00\xff\xfe")
    (directory / "empty").write_text("")

    some = read(directory, "f", first_line=3, lines=2)
    assert (some["text"], some["note"]) == ("line 3\nline 4\n", "\n[Lines 3 to 4 of 5000.]")
    assert "[Lines 1 to 2000 of 5000.]" in read(directory, "f")["note"]
    assert read(directory, "f", first_line=6000)["error"] == "the file has only 5000 lines"
    assert "no UTF-8 text (3 bytes)" in read(directory, "binary")["error"]
    assert read(directory, "empty")["text"] == "[The file is empty.]"


def test_a_file_that_is_too_large(directory: Path) -> None:
    with (directory / "large").open("wb") as file:
        file.truncate(30_000_000)

    assert "too large" in read(directory, "large")["error"]


def test_listing(directory: Path) -> None:
    (directory / "folder").mkdir()
    (directory / "folder" / "inner").write_text("12345")
    (directory / ".git").mkdir()
    (directory / ".git" / "config").write_text("")
    (directory / "line\nbreak\x1b[31m").write_text("")
    os.close(os.open(os.fsencode(directory) + b"/not-utf8-\xff", os.O_CREAT, 0o600))
    (directory / "link").symlink_to("/etc")

    shallow = do(directory, "list_files", path="", recursive=False)["text"].splitlines()
    deep = do(directory, "list_files", path=".", recursive=True)["text"].splitlines()

    assert shallow == [
        ".git/",
        "folder/",
        '"line\\nbreak\\u001b[31m"  0 bytes',
        "link -> /etc",
        '"not-utf8-\\udcff"  0 bytes',
    ]
    assert deep == [*shallow, "folder/inner  5 bytes"]


def test_listing_very_many(directory: Path) -> None:
    for number in range(1200):
        (directory / str(number)).touch()

    lines = do(directory, "list_files", path=".", recursive=True)["text"].splitlines()

    assert len(lines) == 1001
    assert "There are more" in lines[-1]
