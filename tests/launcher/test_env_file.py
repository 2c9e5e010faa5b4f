import base64

import pytest

from agenhood.launcher import env_file


@pytest.fixture
def file(tmp_path):
    return tmp_path / "env"


def test_secrets_are_made_once_and_for_the_owner_only(file):
    first = env_file.settings(file)
    passwords = env_file.role_passwords(file)
    urls = {
        key: f"postgresql://{role}:{passwords[role]}@/agenhood"
        for role, key in env_file.DATABASE_URLS.items()
    }
    env_file.update(file, urls)
    written = file.stat()

    assert written.st_mode & 0o777 == 0o600
    assert len(first["AGENHOOD_SECRET_KEY"]) >= 50
    assert len(base64.b64decode(first["AGENHOOD_MASTER_KEY"], validate=True)) == 32
    assert first["AGENHOOD_MODE"] == "development"
    assert env_file.role_passwords(file) == passwords
    env_file.update(file, urls)
    assert env_file.settings(file) == first | urls
    assert file.stat().st_ino == written.st_ino, "rewritten although nothing changed"


def test_two_instances_have_different_secrets(tmp_path):
    one, other = (env_file.settings(tmp_path / name) for name in ("one", "other"))
    assert one["AGENHOOD_SECRET_KEY"] != other["AGENHOOD_SECRET_KEY"]
    assert one["AGENHOOD_MASTER_KEY"] != other["AGENHOOD_MASTER_KEY"]


def test_what_an_operator_wrote_is_kept(file):
    file.write_text("# mail\nEMAIL_URL=smtp://mail.example.org:25\nAGENHOOD_SECRET_KEY=mine\n")

    known = env_file.settings(file)

    assert known["EMAIL_URL"] == "smtp://mail.example.org:25"
    assert known["AGENHOOD_SECRET_KEY"] == "mine"
    assert known["AGENHOOD_MASTER_KEY"], "an instance from before there was one gets one"
    assert "# mail" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_data_made_in_production_stays_in_production(file, monkeypatch):
    monkeypatch.setenv("AGENHOOD_MODE", "production")
    env_file.settings(file)
    monkeypatch.delenv("AGENHOOD_MODE")
    assert env_file.settings(file)["AGENHOOD_MODE"] == "production"
