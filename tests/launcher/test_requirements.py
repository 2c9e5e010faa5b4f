import ast
import importlib.util
import os
from pathlib import Path

import pytest

from agenhood.launcher import apt, bootstrap, requirements
from agenhood.launcher.errors import LauncherError
from agenhood.launcher.paths import CHECKOUT

PIN = f"absent-package==1.0 --hash=sha256:{'0' * 64}\n"


def test_python_that_is_too_old_is_told_so():
    assert "Python 3.9.2" in bootstrap.complaint((3, 9, 2))
    assert "3.11 or newer" in bootstrap.complaint((3, 9, 2))
    assert bootstrap.complaint((3, 11, 0)) == ""
    assert bootstrap.complaint((4, 0, 0)) == ""


def test_python_that_is_too_old_can_parse_what_tells_it_so():
    for module in (bootstrap.__file__, CHECKOUT / "agenhood/__init__.py"):
        ast.parse(Path(module).read_text(), feature_version=(3, 4))
    assert (CHECKOUT / "agenhood/launcher/__init__.py").read_text() == ""


def test_index_that_cannot_be_reached_is_explained_then_all_goes_well(tmp_path, monkeypatch):
    """One `.venv`, made once, through an unreachable index, a success, a repeat and a change."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    file = tmp_path / "requirements.txt"
    file.write_text(PIN)
    with pytest.raises(LauncherError, match="package index cannot be reached"):
        requirements.ensure_installed(file.name, tmp_path)

    file.write_text("# nothing\n")
    requirements.ensure_installed(file.name, tmp_path)

    def install(*_arguments: object) -> None:
        raise AssertionError("installed again")

    monkeypatch.setattr(requirements, "install", install)
    requirements.ensure_installed(file.name, tmp_path)
    file.write_text("# changed\n")
    with pytest.raises(AssertionError, match="installed again"):
        requirements.ensure_installed(file.name, tmp_path)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", "disk became full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE ...", "is not the one that"),
        ("WARNING: Retrying (Retry(total=4, ...)) after connection broken", "cannot be reached"),
        ("ERROR: something else", "something else"),
    ],
)
def test_pip_failures_are_put_into_words(output, expected):
    assert expected in requirements.explain_pip_failure(output, "requirements.txt")


def test_missing_venv_module_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(apt, "available", lambda: False)
    with pytest.raises(LauncherError, match=r"apt-get install python3\.\d+-venv"):
        requirements.create(tmp_path / ".venv")


def test_missing_venv_module_is_installed_by_root_on_debian(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(apt, "available", lambda: True)
    asked = []
    monkeypatch.setattr(apt, "install", lambda *packages: asked.extend(packages))
    monkeypatch.setattr(requirements, "run", lambda _command: (True, ""))
    requirements.create(tmp_path / ".venv")
    assert [name.endswith("-venv") for name in asked] == [True]


def test_full_disk_is_explained(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text(PIN)
    monkeypatch.setattr(requirements, "SPACE_NEEDED_MB", 10**9)
    with pytest.raises(LauncherError, match="The disk is full"):
        requirements.ensure_installed("requirements.txt", tmp_path)


def test_a_complaint_is_one_sentence_and_a_failure(monkeypatch, capsys):
    def fail(_name: str) -> None:
        raise LauncherError("The disk is full.")

    monkeypatch.setattr(requirements, "ensure_installed", fail)
    monkeypatch.setattr(requirements, "stop_on_signals", lambda: None)
    assert requirements.main(["requirements.txt"]) == 1
    assert capsys.readouterr().err == "agenhood: The disk is full.\n"


def test_what_runs_is_pinned_alike_for_tests():
    """`make run` after `make test` must not change what is installed."""

    def pins(name: str) -> set[str]:
        lines = (CHECKOUT / name).read_text().splitlines()
        return {line.rstrip(" \\") for line in lines if "==" in line and line[0].isalnum()}

    assert pins("requirements.txt") <= pins("requirements-dev.txt")
