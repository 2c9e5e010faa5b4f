"""Where an agent's directory lies: there while it is used, its own, as large as it may be."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uuid_utils.compat as uuid

from agenhood.fleet import agent_files
from agenhood.fleet.agent_files import Place, PlaceUnusable, disk, keeping
from agenhood.fleet.agent_files import place as place_module
from agenhood.fleet.agent_files.place import sweep
from tests.fleet.agent_files.conftest import as_root


def mounted(place):
    return (place.folder / "disk").is_mount()


def test_it_lives_on_and_has_a_folder_for_results(place):
    with place.use() as usage:
        assert (usage.path / "out").is_dir()
        (usage.path / "kept").write_text("kept")
    with place.use() as usage:
        assert (usage.path / "kept").read_text() == "kept"


@as_root
def test_a_disk_is_mounted_as_long_as_anybody_uses_it(place):
    with place.use() as first:
        assert mounted(place)
        with place.use() as second:
            assert second.path == first.path
        assert mounted(place)
        (first.path / "file").write_text("x")
        file = agent_files.open_file(place, "file")
    assert mounted(place)
    file.close()
    assert not mounted(place)
    assert agent_files.listing(place)[-1].name == "file"
    assert not mounted(place)


@as_root
def test_a_disk_is_safe_and_has_an_end(place):
    with place.use() as usage:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        (options,) = [mount[3] for mount in mounts if mount[1] == str(usage.path.parent)]
        assert {"nosuid", "nodev"} <= set(options.split(","))
        with pytest.raises(OSError, match="No space"), (usage.path / "x").open("wb") as file:
            for _ in range(20):
                file.write(b"x" * 2**20)
                file.flush()
        with pytest.raises(OSError, match="No space"):
            for number in range(20_000):
                (usage.path / str(number)).touch()
        agent_files.remove(place, "")
        assert agent_files.usage(place) < 2**20


@as_root
@pytest.mark.parametrize("size", [32, 8])
def test_a_disk_gets_the_size_that_it_should_have_now(place, size):
    with place.use() as usage:
        (usage.path / "kept").write_text("kept")
    changed = Place(place.workspace_id, place.agent_id, disk_mb=size)
    with changed.use() as usage:
        assert (usage.path / "kept").read_text() == "kept"
        facts = os.statvfs(usage.path)
        assert size * 0.7 < facts.f_blocks * facts.f_frsize / 2**20 <= size


@as_root
def test_a_disk_with_more_in_it_than_it_may_have_now_stays_as_it_is(place):
    with place.use() as usage:
        (usage.path / "kept").write_bytes(b"x" * 10 * 2**20)
    with Place(place.workspace_id, place.agent_id, disk_mb=8).use() as usage:
        assert (usage.path / "kept").stat().st_size == 10 * 2**20


@as_root
def test_each_agent_has_a_system_user_of_its_own(agents_root):
    places = [Place(uuid.uuid7(), uuid.uuid7(), disk_mb=16) for _ in range(3)]
    uids = set()
    for place in [*places, *places]:
        with place.use() as usage:
            uids.add(usage.uid)
            facts = usage.path.stat()
            assert (facts.st_uid, stat.S_IMODE(facts.st_mode)) == (usage.uid, 0o700)
    assert len(uids) == 3
    assert min(uids) >= 1_900_000_000


USE_AND_DIE = """
import os, sys, django
django.setup()
from uuid import UUID
from django.conf import settings
from pathlib import Path
settings.AGENHOOD_AGENTS = Path(sys.argv[1])
from agenhood.fleet.agent_files import Place
Place(UUID(sys.argv[2]), UUID(sys.argv[3]), 16).use()
os.kill(os.getpid(), 9)
"""


@as_root
@pytest.mark.parametrize("by", ["sweep", "use"])
def test_what_a_killed_process_left_mounted_is_unmounted(place, agents_root, by):
    command = [sys.executable, "-c", USE_AND_DIE, str(agents_root)]
    done = subprocess.run([*command, str(place.workspace_id), str(place.agent_id)], check=False)
    assert done.returncode == -9
    assert mounted(place)
    if by == "sweep":
        sweep()
    else:
        assert agent_files.listing(place)
    assert not mounted(place)


@as_root
def test_a_disk_that_another_namespace_still_has_is_not_attached_twice(place):
    """Whatever begins a namespace has a copy of all mounts for a moment: two would spoil a disk."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; read _"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with place.use() as usage:
        (usage.path / "kept").write_text("kept")
        other = subprocess.Popen(command, **pipes)
        other.stdout.readline()
    with other, place.use() as usage:
        (usage.path / "more").write_text("more")
        backing = [file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
        assert backing.count(f"{place.folder / 'disk.img'}\n") == 1
        other.communicate(b"\n")
    assert {entry.name for entry in agent_files.listing(place)} >= {"kept", "more"}


@pytest.fixture
def keeper():
    place_module.keeper.begin()
    yield place_module.keeper
    place_module.keeper.end()


@as_root
def test_a_worker_keeps_a_disk_mounted_for_a_while(place, keeper):
    agent_files.listing(place)
    assert mounted(place)
    agent_files.listing(place)
    with place.use():
        keeper.end()
        assert mounted(place)
    assert not mounted(place)


@as_root
def test_a_kept_disk_is_unmounted_when_its_time_is_over(place):
    let_go = threading.Event()

    def unmount(folder):
        place_module._unmount_if_unused(folder)
        let_go.set()

    keeper = keeping.Keeper(unmount)
    keeper.begin(seconds=0.01)
    with place.use() as usage:
        lock = os.dup(usage._lock)
    assert mounted(place)
    keeper.keep(place.folder, lock, 16)
    assert let_go.wait(20)
    assert not mounted(place)


@as_root
def test_no_more_disks_are_kept_than_may_be(place, keeper, monkeypatch):
    monkeypatch.setattr(keeping, "MOST", 1)
    other = Place(place.workspace_id, uuid.uuid7(), disk_mb=16)
    agent_files.listing(place)
    agent_files.listing(other)
    assert (mounted(place), mounted(other)) == (False, True)


@as_root
def test_a_kept_disk_gets_another_size(place, keeper):
    agent_files.listing(place)
    with Place(place.workspace_id, place.agent_id, disk_mb=32).use() as usage:
        facts = os.statvfs(usage.path)
        assert facts.f_blocks * facts.f_frsize / 2**20 > 20


@as_root
def test_a_sweep_leaves_what_is_used(place):
    with place.use():
        sweep()
        assert mounted(place)


def test_where_a_disk_cannot_be_mounted_that_is_said(place, monkeypatch):
    place.folder.mkdir(parents=True)
    (place.folder / "disk.img").touch()
    monkeypatch.setattr(disk, "can_mount", lambda: False)
    with pytest.raises(PlaceUnusable, match="only root can mount it"):
        agent_files.listing(place)


@as_root
def test_a_folder_that_somebody_else_made_is_not_used(place):
    place.folder.mkdir(parents=True)
    os.chown(place.folder, 12345, 12345)
    with pytest.raises(PlaceUnusable, match="belongs to another user"):
        place.use()


def test_a_broken_disk_is_refused_in_words(place, monkeypatch):
    if not disk.can_mount():
        pytest.skip("only root has disks")
    place.folder.mkdir(parents=True)
    (place.folder / "disk.img").write_bytes(b"x" * 16 * 2**20)
    with pytest.raises(PlaceUnusable, match="disk cannot be used"):
        agent_files.listing(place)
