import os

import pytest

from agenhood.launcher import apt, tools_for_tests
from agenhood.launcher.errors import LauncherError


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """A machine with none of the tools; returns the folder where programs are looked for."""
    monkeypatch.setattr(tools_for_tests, "PATH", str(tmp_path))
    monkeypatch.setattr(apt, "available", lambda: False)
    monkeypatch.setattr(tools_for_tests, "engine_answers", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def add_program(folder, name):
    (folder / name).touch(mode=0o755)


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_what_is_not_tested_is_said_loudly_and_fails_in_ci(
    bare_machine, monkeypatch, capsys, ci, code
):
    monkeypatch.setenv("CI", ci)
    add_program(bare_machine, "pgbouncer")
    add_program(bare_machine, "bwrap")
    assert tools_for_tests.main(["--install"]) == code
    said = capsys.readouterr().err
    assert "NOT TESTED: the browser tests." in said
    assert "apt-get install chromium" in said


def test_nothing_is_said_when_all_is_there(bare_machine, capsys):
    add_program(bare_machine, "pgbouncer")
    add_program(bare_machine, "google-chrome")
    add_program(bare_machine, "bwrap")
    assert tools_for_tests.main([]) == 0
    assert capsys.readouterr().err == ""


def test_root_on_debian_installs_what_it_can(bare_machine, monkeypatch, capsys):
    def install(package: str) -> None:
        if package == "chromium":
            raise LauncherError("apt-get could not install chromium")
        add_program(bare_machine, "bwrap" if package == "bubblewrap" else package)

    monkeypatch.setattr(apt, "available", lambda: True)
    monkeypatch.setattr(apt, "install", install)
    assert tools_for_tests.main(["--install"]) == 0
    said = capsys.readouterr().err
    assert "could not install chromium" in said
    assert "NOT TESTED: the browser tests." in said
    assert "PgBouncer" not in said


def test_apt_get_asks_nothing_and_its_failure_is_reported(tmp_path, monkeypatch):
    fake = tmp_path / "apt-get"
    fake.write_text(
        f'#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {tmp_path}/asked\n'
        'case "$*" in *absent*) echo "E: no such package"; exit 100;; esac\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    apt.install("present")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert all(line.startswith("noninteractive -q -y ") for line in asked)
    assert asked[-1].endswith("install --no-install-recommends present")
    with pytest.raises(LauncherError, match="E: no such package"):
        apt.install("absent")


def test_an_engine_that_is_not_there_is_said_and_is_no_failure(bare_machine, monkeypatch, capsys):
    for program in ("pgbouncer", "chromium", "bwrap"):
        add_program(bare_machine, program)
    monkeypatch.setattr(tools_for_tests, "engine_answers", lambda: False)
    assert tools_for_tests.main([]) == 0
    assert "NOT TESTED: sandboxes in Docker Engine" in capsys.readouterr().err
