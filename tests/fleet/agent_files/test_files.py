"""An agent's directory from outside: nothing in it makes the console leave it or wait."""

import os
import socket

import pytest

from agenhood.fleet import agent_files
from agenhood.fleet.agent_files import FileRefused, files, tree
from tests.fleet.agent_files.conftest import as_root


def names(directory):
    return sorted(item.name for item in directory.iterdir())


def plant(directory):
    """One of everything that somebody hostile could leave in a directory."""
    (directory / "report.txt").write_text("mine")
    (directory / "folder/deep").mkdir(parents=True)
    (directory / "folder/deep/note.txt").write_text("note")
    (directory / "shadow").symlink_to("/etc/shadow")
    (directory / "root").symlink_to("/")
    (directory / "up").symlink_to("..")
    (directory / "inside").symlink_to("report.txt")
    (directory / "magic").symlink_to("/proc/self/root")
    (directory / "loop").symlink_to("loop")
    os.mkfifo(directory / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()  # noqa: PTH109
        os.chdir(directory)
        listener.bind("socket")
        os.chdir(before)
    (directory / os.fsdecode(b"not\xffutf8")).touch()
    (directory / "shut").mkdir()


KINDS = {
    "folder": "folder",
    "inside": "link",
    "loop": "link",
    "magic": "link",
    "not\\xffutf8": "other",
    "out": "folder",
    "pipe": "other",
    "report.txt": "file",
    "root": "link",
    "shadow": "link",
    "shut": "folder",
    "socket": "other",
    "up": "link",
}


def test_a_listing_says_what_each_thing_is(place, directory):
    plant(directory)
    entries = agent_files.listing(place)
    assert {entry.name: entry.kind for entry in entries} == KINDS
    assert [entry.name for entry in entries][:3] == ["folder", "out", "shut"]
    (report,) = [entry for entry in entries if entry.name == "report.txt"]
    assert report.size == 4
    assert [entry.name for entry in agent_files.listing(place, "folder/deep")] == ["note.txt"]


ESCAPES = [
    "shadow",
    "root/etc/passwd",
    "up/uid",
    "../uid",
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "folder/../../uid",
    "magic/etc/passwd",
    "inside",
    "loop",
    "pipe",
    "socket",
    "folder",
    "",
    ".",
    "..",
    "report.txt/x",
    "absent",
    "a\0b",
    "x" * 300,
    "x/" * 3000,
]


@pytest.mark.parametrize("path", ESCAPES, ids=lambda path: repr(path[:30]))
def test_nothing_but_a_plain_file_inside_is_opened(place, directory, path):
    plant(directory)
    with pytest.raises(FileRefused):
        agent_files.open_file(place, path)


@pytest.mark.parametrize("path", ["root", "up", "..", "/", "/etc", "magic", "report.txt", "pipe"])
def test_nothing_but_a_folder_inside_is_listed(place, directory, path):
    plant(directory)
    with pytest.raises(FileRefused):
        agent_files.listing(place, path)


def test_a_file_is_read_and_its_name_may_be_odd(place, directory):
    for name in ("<script>", "a b", "ü", "-rf", "a\nb", "'"):
        (directory / name).write_text(name)
        with agent_files.open_file(place, name) as file:
            assert file.read().decode() == name


def test_an_upload_makes_its_folders_and_replaces_a_link_itself(place, directory):
    (directory / "victim").write_text("before")
    (directory / "data").mkdir()
    (directory / "data/in.csv").symlink_to("../victim")
    assert agent_files.store(place, "data/in.csv", [b"a,", b"b"]) == 3
    assert agent_files.store(place, "new/er/x", [b"1"]) == 1
    assert (directory / "victim").read_text() == "before"
    assert (directory / "data/in.csv").read_text() == "a,b"
    made = (directory / "new/er/x").stat()
    assert (made.st_uid, made.st_mode & 0o777) == (directory.stat().st_uid, 0o644)
    assert (directory / "new").stat().st_uid == directory.stat().st_uid


@pytest.mark.parametrize(
    "path",
    ["", "..", "../x", "out/../../x", "root/tmp/x", "up/x", "folder", "report.txt/x", "a\0b", "."],
)
def test_an_upload_stays_inside(place, directory, agents_root, path):
    plant(directory)
    with pytest.raises(FileRefused):
        agent_files.store(place, path, [b"evil"])
    assert not (directory.parent / "x").exists()
    assert not [name for name in names(directory) if name.endswith(".upload")]


def test_an_upload_that_breaks_off_leaves_nothing(place, directory):
    def broken():
        yield b"begin"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        agent_files.store(place, "x", broken())
    assert names(directory) == ["out"]


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(place, directory):
    with pytest.raises(FileRefused, match="full"):
        agent_files.store(place, "big", (b"x" * 2**20 for _ in range(20)))
    assert names(directory) == ["out"]


def test_where_no_disk_holds_it_an_upload_is_counted(place, monkeypatch):
    monkeypatch.setattr("agenhood.fleet.agent_files.disk.can_mount", lambda: False)
    with place.use() as usage:
        assert not usage.is_limited
        (usage.path / "there").write_bytes(b"x" * 10 * 2**20)
        assert agent_files.usage(place) >= 10 * 2**20
        with pytest.raises(FileRefused, match="full"):
            agent_files.store(place, "big", (b"x" * 2**20 for _ in range(7)))
        agent_files.store(place, "small", (b"x" * 2**20 for _ in range(5)))


def test_all_is_removed_and_nothing_outside(place, directory, agents_root):
    victim = agents_root / "victim"
    victim.mkdir()
    (victim / "file").touch()
    plant(directory)
    (directory / "folder/out").symlink_to(victim)
    (directory / "folder/deep").chmod(0)
    agent_files.remove(place, "folder")
    agent_files.remove(place, "shadow")
    agent_files.remove(place, "out")
    assert "folder" not in names(directory)
    agent_files.remove(place, "")
    assert names(directory) == []
    assert (victim / "file").exists()
    for path in ("..", "up/x", "../victim", "absent", "root/tmp"):
        with pytest.raises(FileRefused):
            agent_files.remove(place, path)


def bottomless(directory, depth):
    before = os.open(".", os.O_RDONLY)
    os.chdir(directory)
    try:
        for _ in range(depth):
            os.mkdir(  # noqa: PTH102
                "d" * 100
            )
            os.chdir("d" * 100)
        with open("file", "w") as file:  # noqa: PTH123
            file.write("x" * 5000)
    finally:
        os.fchdir(before)
        os.close(before)


def test_a_tree_without_a_bottom_is_measured_listed_and_removed(place, directory):
    bottomless(directory, 1100)  # deeper than a path is long, than descriptors, than recursion
    with agent_files.files._used(place) as opened:
        assert not tree.measure(opened).is_whole
    assert list(agent_files.walk(place)) == []
    agent_files.remove(place, "d" * 100)
    assert names(directory) == ["out"]


def test_what_can_be_removed_from_a_full_disk(place, directory, monkeypatch):
    (directory / "a/b/c").mkdir(parents=True)
    (directory / "a/b/file").write_bytes(b"x" * 100_000)
    really, refused = os.mkdir, []

    def full(path, *arguments, **options):
        if str(path).endswith(".waste") and not refused:
            refused.append(path)
            raise OSError(28, "No space left on device")
        return really(path, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", full)
    agent_files.remove(place, "a")
    assert refused
    assert names(directory) == ["out"]


def test_files_are_found_and_links_are_not_followed(place, directory):
    plant(directory)
    found = {path: entry.size for path, entry in agent_files.walk(place)}
    assert found == {"report.txt": 4, "folder/deep/note.txt": 4}
    assert [path for path, _ in agent_files.walk(place, "folder")] == ["folder/deep/note.txt"]
    with pytest.raises(FileRefused):
        list(agent_files.walk(place, "up"))


BOUNDS = {"MOST_WALKED": 10, "MOST_ENTRIES": 3, "DEEPEST": 2, "WALK_SECONDS": -1.0}


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_walk_has_an_end_and_says_so(place, directory, monkeypatch, bound):
    for number in range(4):
        (directory / f"out/{number}/deep").mkdir(parents=True)
        (directory / f"out/{number}/deep/file").touch()
    whole = agent_files.walk(place, "out")
    assert (len(list(whole)), whole.is_whole) == (4, True)
    monkeypatch.setattr(files, bound, BOUNDS[bound])
    cut = agent_files.walk(place, "out")
    assert len(list(cut)) < 4
    assert not cut.is_whole


@as_root
def test_how_full_a_disk_is_needs_no_look_at_each_file(place, directory, monkeypatch):
    (directory / "file").write_bytes(b"x" * 1_000_000)
    monkeypatch.setattr(tree, "open_beneath", None)
    assert 1_000_000 <= agent_files.usage(place) < 1_200_000


def test_a_folder_of_many_files_is_listed_up_to_a_number(place, directory, monkeypatch):
    monkeypatch.setattr(files, "MOST_ENTRIES", 5)
    for number in range(9):
        (directory / f"{number}").touch()
    assert len(agent_files.listing(place)) == 5


def test_what_one_file_takes_is_counted_once(place, directory):
    (directory / "file").write_bytes(b"x" * 1_000_000)
    for number in range(20):
        (directory / f"name{number}").hardlink_to(directory / "file")
    assert 1_000_000 <= agent_files.usage(place) < 1_200_000


def test_a_time_that_no_calendar_has_is_shown_somehow(place, directory):
    (directory / "file").touch()
    os.utime(directory / "file", (2**33, 2**33))
    assert agent_files.listing(place)[-1].name == "file"
