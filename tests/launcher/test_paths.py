import os
from pathlib import Path

import pytest

from agenhood.launcher import paths
from agenhood.launcher.data import make_data_folder
from agenhood.launcher.errors import LauncherError


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path)
    return tmp_path


def test_data_is_in_the_checkout(checkout, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert paths.data_folder() == checkout / ".local"


@pytest.mark.parametrize(("open_to_others", "expected"), [(True, ".local"), (False, None)])
def test_root_keeps_data_elsewhere_if_only_root_can_enter(
    checkout, monkeypatch, open_to_others, expected
):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(paths, "others_can_enter", lambda _folder: open_to_others)
    assert paths.data_folder() == (checkout / expected if expected else Path("/var/lib/agenhood"))


def test_others_can_enter_looks_at_every_parent(data):
    inner = data / "a" / "b"
    inner.mkdir(parents=True)
    for folder in (data, data / "a", inner):
        folder.chmod(0o711)
    assert paths.others_can_enter(inner)
    data.chmod(0o700)
    assert not paths.others_can_enter(inner)


@pytest.mark.parametrize(
    ("chosen", "expected"), [("/srv/one", "/srv/one"), ("two", "{checkout}/two"), ("~/x", "/h/x")]
)
def test_agenhood_data_overrides(checkout, monkeypatch, chosen, expected):
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("AGENHOOD_DATA", chosen)
    assert paths.data_folder() == Path(expected.format(checkout=checkout))


def test_an_empty_private_folder_is_made_passable_for_root_only(data, monkeypatch):
    data.mkdir(mode=0o700)
    make_data_folder(data)
    assert data.stat().st_mode & 0o777 == (0o701 if os.geteuid() == 0 else 0o700)


def test_a_folder_with_files_keeps_its_mode(data):
    data.mkdir(mode=0o700)
    (data / "letter").touch()
    make_data_folder(data)
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_cannot_be_made_is_explained(data):
    data.write_text("a file")
    with pytest.raises(LauncherError, match="AGENHOOD_DATA"):
        make_data_folder(data)


def test_a_data_folder_of_another_user_is_refused(data, monkeypatch):
    data.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(LauncherError, match="belongs to another user"):
        make_data_folder(data)
