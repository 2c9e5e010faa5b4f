"""Settings: what production refuses to start with, and what it turns on."""

import os
import runpy
import subprocess
import sys
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.postgres import ROOT

PRODUCTION = {
    "AGENHOOD_ENV_FILE": "",
    "AGENHOOD_SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF",
    "AGENHOOD_MASTER_KEY": "b25seS1mb3ItdGVzdHMtMDEyMzQ1Njc4OS1hYmNkZWY=",
    "AGENHOOD_ALLOWED_HOSTS": "console.example.org",
    "DATABASE_URL": "postgresql://agenhood_app@/agenhood",
    "EMAIL_URL": "smtp://mail.example.org:25",
}
DEVELOPMENT = {
    "AGENHOOD_ENV_FILE": "",
    "AGENHOOD_MODE": "development",
    "AGENHOOD_SECRET_KEY": "short",
    "DATABASE_URL": "postgresql://agenhood_app@/agenhood",
}


def settings(environment: dict[str, str | None]) -> dict[str, Any]:
    """Return what agenhood/settings.py says in this environment and no other."""
    given = {name: value for name, value in environment.items() if value is not None}
    with mock.patch.dict(os.environ, given, clear=True):
        return runpy.run_path(str(ROOT / "agenhood" / "settings.py"))


def test_production_is_what_nobody_has_to_choose():
    assert settings(PRODUCTION)["MODE"] == "production"
    assert settings(PRODUCTION)["DEBUG"] is False
    assert settings(DEVELOPMENT)["DEBUG"] is False


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"AGENHOOD_MODE": "prod"}, "AGENHOOD_MODE"),
        ({"AGENHOOD_MODE": ""}, "AGENHOOD_MODE"),
        ({"AGENHOOD_DEBUG": "1"}, "AGENHOOD_DEBUG"),
        ({"AGENHOOD_SECRET_KEY": None}, "AGENHOOD_SECRET_KEY"),
        ({"AGENHOOD_SECRET_KEY": ""}, "AGENHOOD_SECRET_KEY"),
        ({"AGENHOOD_SECRET_KEY": "short"}, "AGENHOOD_SECRET_KEY"),
        ({"AGENHOOD_SECRET_KEY": "django-insecure-" + "0123456789" * 5}, "AGENHOOD_SECRET_KEY"),
        ({"AGENHOOD_SECRET_KEY": "a" * 60}, "AGENHOOD_SECRET_KEY"),
        ({"AGENHOOD_MASTER_KEY": None}, "AGENHOOD_MASTER_KEY"),
        ({"AGENHOOD_MASTER_KEY": ""}, "AGENHOOD_MASTER_KEY"),
        ({"AGENHOOD_MASTER_KEY": "c2hvcnQ="}, "AGENHOOD_MASTER_KEY"),
        ({"AGENHOOD_MASTER_KEY": "A" * 43 + "="}, "AGENHOOD_MASTER_KEY"),
        ({"AGENHOOD_STAFF_SECOND_FACTOR": "yes"}, "AGENHOOD_STAFF_SECOND_FACTOR"),
        ({"AGENHOOD_OIDC_ISSUER": "https://sso.example"}, "AGENHOOD_OIDC_CLIENT_ID"),
        ({"AGENHOOD_OIDC_ISSUER": "http://sso.example"}, "AGENHOOD_OIDC_ISSUER"),
        ({"AGENHOOD_ALLOWED_HOSTS": None}, "AGENHOOD_ALLOWED_HOSTS"),
        ({"AGENHOOD_ALLOWED_HOSTS": ""}, "AGENHOOD_ALLOWED_HOSTS"),
        ({"AGENHOOD_ALLOWED_HOSTS": "*"}, "AGENHOOD_ALLOWED_HOSTS"),
        ({"AGENHOOD_ALLOWED_HOSTS": "console.example.org,*"}, "AGENHOOD_ALLOWED_HOSTS"),
        ({"AGENHOOD_ALLOWED_HOSTS": "console.example.org, *"}, "AGENHOOD_ALLOWED_HOSTS"),
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///db.sqlite3"}, "DATABASE_URL"),
    ],
)
def test_production_refuses_what_is_missing_or_unsafe_and_names_it(change, named):
    with pytest.raises(ImproperlyConfigured, match=named):
        settings(PRODUCTION | change)


def test_no_other_database_than_postgresql_is_used_in_development_either():
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        settings(DEVELOPMENT | {"DATABASE_URL": "sqlite://:memory:"})


def test_a_refusal_tells_no_secret():
    with pytest.raises(ImproperlyConfigured) as refusal:
        settings(PRODUCTION | {"AGENHOOD_SECRET_KEY": "hunter2"})

    assert "hunter2" not in str(refusal.value)


def test_production_keeps_cookies_to_its_host_and_to_https():
    found = settings(PRODUCTION)

    for kind in ("SESSION", "CSRF"):
        assert found[f"{kind}_COOKIE_NAME"].startswith("__Host-")
        assert found[f"{kind}_COOKIE_SECURE"] is True
        # What a browser demands of such a cookie: no domain, and the path of Django's default.
        assert f"{kind}_COOKIE_DOMAIN" not in found
        assert f"{kind}_COOKIE_PATH" not in found
    assert found["SESSION_COOKIE_HTTPONLY"] is True
    assert found["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["SECURE_HSTS_SECONDS"] >= 365 * 24 * 3600
    assert found["ACCOUNT_DEFAULT_HTTP_PROTOCOL"] == "https"


def test_development_works_over_plain_http_on_this_machine_only():
    found = settings(DEVELOPMENT)

    assert found["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert found["SESSION_COOKIE_SECURE"] is False
    assert found["SECURE_SSL_REDIRECT"] is False
    assert found["SECURE_HSTS_SECONDS"] == 0


def test_a_proxy_is_believed_only_when_told_so():
    assert settings(PRODUCTION)["SECURE_PROXY_SSL_HEADER"] is None
    assert settings(PRODUCTION)["ALLAUTH_TRUSTED_PROXY_COUNT"] == 0
    behind = settings(PRODUCTION | {"AGENHOOD_BEHIND_PROXY": "1", "AGENHOOD_TRUSTED_PROXIES": "1"})
    assert behind["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
    assert behind["ALLAUTH_TRUSTED_PROXY_COUNT"] == 1


def test_the_content_policy_lets_nothing_inline_and_nothing_foreign_in():
    for environment in (PRODUCTION, DEVELOPMENT):
        directives = settings(environment)["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]

        assert {source for sources in directives.values() for source in sources} == {
            "'self'",
            "'none'",
        }
        assert directives["default-src"] == directives["frame-ancestors"] == ["'none'"]


def test_new_passwords_are_hashed_with_argon2():
    assert settings(PRODUCTION)["PASSWORD_HASHERS"][0].endswith(".Argon2PasswordHasher")


def test_the_owners_login_is_there_for_migrations_only():
    assert list(settings(PRODUCTION)["DATABASES"]) == ["default"]
    owner = {"AGENHOOD_OWNER_DATABASE_URL": "postgresql://agenhood_owner@/agenhood"}
    assert settings(PRODUCTION | owner)["DATABASES"]["owner"]["USER"] == "agenhood_owner"


def test_what_the_environment_lacks_is_read_from_the_env_file(tmp_path):
    file = tmp_path / "env"
    file.write_text("AGENHOOD_MODE=development\nAGENHOOD_SECRET_KEY=from the file\n")
    database = {"DATABASE_URL": DEVELOPMENT["DATABASE_URL"]}

    found = settings(database | {"AGENHOOD_DATA": str(tmp_path)})
    named = settings(database | {"AGENHOOD_ENV_FILE": str(file), "AGENHOOD_SECRET_KEY": "given"})

    assert (found["MODE"], found["SECRET_KEY"]) == ("development", "from the file")
    assert (named["MODE"], named["SECRET_KEY"]) == ("development", "given")
    with pytest.raises(ImproperlyConfigured, match="AGENHOOD_SECRET_KEY"):
        settings(database | {"AGENHOOD_DATA": str(tmp_path), "AGENHOOD_ENV_FILE": ""})


def test_djangos_checks_find_nothing_to_warn_of_in_production():
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | PRODUCTION,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout
