import pytest

from agenhood.launcher import apt, sandbox
from agenhood.launcher.errors import LauncherError


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """A machine without bubblewrap; returns what apt-get was asked for."""
    asked = []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AGENHOOD_SANDBOX", raising=False)
    monkeypatch.setattr(apt, "available", lambda: True)
    monkeypatch.setattr(apt, "install", asked.append)
    return asked


def test_root_on_debian_gets_bubblewrap(bare_machine, capsys):
    sandbox.install_sandbox()
    assert bare_machine == ["bubblewrap"]
    assert capsys.readouterr().err == ""


def test_it_is_installed_once(bare_machine, tmp_path):
    (tmp_path / "bwrap").touch(mode=0o755)
    sandbox.install_sandbox()
    assert bare_machine == []


def test_another_engine_needs_none(bare_machine, monkeypatch):
    monkeypatch.setenv("AGENHOOD_SANDBOX", "docker")
    sandbox.install_sandbox()
    assert bare_machine == []


@pytest.mark.parametrize("why", ["nobody but root may", "apt-get fails"])
def test_elsewhere_it_is_said_how(bare_machine, monkeypatch, capsys, why):
    def failing(package):
        raise LauncherError("apt-get could not install bubblewrap")

    if why == "apt-get fails":
        monkeypatch.setattr(apt, "install", failing)
    else:
        monkeypatch.setattr(apt, "available", lambda: False)
    sandbox.install_sandbox()
    said = capsys.readouterr().err
    assert "apt-get install bubblewrap" in said
    assert ("could not install" in said) == (why == "apt-get fails")
