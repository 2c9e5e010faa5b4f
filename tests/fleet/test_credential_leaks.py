"""A credential's value is nowhere: not in a dump, a page, a log line, an error report, a diff.

Each test stores a value that can be recognised and looks for it in every disguise that it may have.
"""

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.debug import ExceptionReporter

from accounts.master_key import CannotOpen
from agenhood.fleet.actions import credential as actions
from agenhood.fleet.forms.credential import CredentialForm, CredentialRotateForm
from agenhood.fleet.models import Credential, CredentialVersion, Task
from agenhood.fleet.views import credential_edit
from tests.factories import CredentialVersionFactory, MembershipFactory, TaskFactory, UserFactory
from tests.pages import page
from tests.postgres import superuser
from workspaces.models import AuditEntry, Membership
from workspaces.roles import Role
from workspaces.scope import workspace_scope

WORD = "Peregrine7719"
VALUES = {
    "anthropic": {"key": f"sk-ant-{WORD}-0123456789-anthropic"},
    "openai": {"base_url": "http://models:8000/v1", "key": f"sk-{WORD}-0123456789-openai"},
    "git": {
        "host": "git.test",
        "user": "bot",
        "auth": "token",
        "token": f"ghp_{WORD}0123456789git",
    },
    "token": {"token": f"{WORD}-0123456789-token"},
    "password": {"user": "ann", "password": f"pass {WORD} 0123456789"},
    "file": {"file_name": "kube.yaml", "content": f"token: {WORD}\r\n"},
}
NEXT = {"token": f"{WORD}-0123456789-rotated", "seen": "1"}


def leaks(text: Any) -> bool:
    """Whether the word is in the text: plain, in base64 at any offset, in hexadecimal, quoted."""
    plain = WORD.encode()
    disguises = {plain, plain.hex().encode(), plain[::-1], quote(WORD).encode()}
    for offset in range(3):
        # The characters at both ends depend on their neighbours.
        disguises.add(base64.b64encode(b"\0" * offset + plain)[4:-4])
    where = text if isinstance(text, bytes) else str(text).encode()
    return any(disguise.lower() in where.lower() for disguise in disguises)


def test_the_search_finds_the_word_in_its_disguises() -> None:
    secret = f"ab{WORD}cd".encode()
    for shown in (secret, secret.hex(), base64.b64encode(secret), repr(secret), {"x": secret}):
        assert leaks(shown)
    assert not leaks("Peregrine")


@pytest.fixture
def admin(db: None) -> Membership:
    return MembershipFactory(role=Role.ADMIN)


@pytest.fixture
def signed_in(client: Client, admin: Membership) -> Client:
    client.force_login(admin.user)
    return client


def url(name: str, member: Membership, credential: Credential | None = None) -> str:
    args: list[Any] = [member.workspace.slug]
    return reverse(f"fleet:credential-{name}", args=args + ([credential.pk] if credential else []))


def store_all(client: Client, member: Membership) -> list[Credential]:
    """Store a credential of each kind by its form, and rotate, use and edit the token."""
    for kind, sent in VALUES.items():
        response = client.post(url("create", member), {"kind": kind, "name": kind, **sent})
        assert response.status_code == 302, page(response).text
    with workspace_scope(member.workspace_id):
        credentials = list(Credential.objects.order_by("pk"))
    token = next(c for c in credentials if c.kind == "token")
    assert client.post(url("rotate", member, token), NEXT).status_code == 302
    sent = {"name": "renamed", "seen": "1"}
    assert client.post(url("edit", member, token), sent).status_code == 302
    return credentials


def refuse_some(client: Client, member: Membership, credential: Credential) -> list[Any]:
    """Return the answers to forms that come back with a secret in them."""
    again = {"kind": "anthropic", "name": "again", **VALUES["anthropic"]}
    wrong = [{"kind": kind, "name": "x" * 61, **sent} for kind, sent in VALUES.items()]
    upload = SimpleUploadedFile("a b", f"{WORD}".encode())
    answers = [client.post(url("create", member), sent) for sent in [again, *wrong]]
    answers.append(
        client.post(url("create", member), {"kind": "file", "name": "x", "upload": upload})
    )
    answers.append(client.post(url("create", member), {"kind": "nonsense", "key": WORD}))
    old = NEXT | {"token": f"{WORD}-other"}
    answers.append(client.post(url("rotate", member, credential), old))
    answers.append(client.post(url("rotate", member, credential), NEXT | {"seen": ""}))
    answers.append(client.post(url("create", member), again, headers={"HX-Request": "true"}))
    assert {answer.status_code for answer in answers} == {409, 422}
    return answers


# At rest


def stored_rows() -> Iterator[str]:
    """Every row of every table, past all row security: what a stolen dump holds."""
    with superuser() as past_everything:
        tables = past_everything.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            for row in past_everything.execute(f"SELECT t::text FROM {table} AS t"):
                yield f"{table} {row[0]}"


def test_a_dump_with_all_the_code_but_no_master_key_yields_no_secret(
    committed_db: None, settings: Any
) -> None:
    admin = MembershipFactory(role=Role.ADMIN)
    client = Client()
    client.force_login(admin.user)
    store_all(client, admin)
    rows = list(stored_rows())

    assert len([row for row in rows if "fleet_credentialversion" in row]) == len(VALUES) + 1
    assert [row[:60] for row in rows if leaks(row)] == []
    # Whoever has the dump has the application as well, and a master key of their own.
    settings.AGENHOOD_MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
    with workspace_scope(admin.workspace_id):
        for version in CredentialVersion.objects.exclude(sealed=None):
            with pytest.raises(CannotOpen):
                actions.open_sealed(version, actions.FIELD, version.sealed)


# Pages


def test_no_page_shows_a_secret(signed_in: Client, admin: Membership) -> None:
    """Those that links lead to from the workspace's home, as its admin, and those of refusals."""
    credentials = store_all(signed_in, admin)
    pages = refuse_some(signed_in, admin, credentials[3])
    home = f"/w/{admin.workspace.slug}/"
    waiting, seen = [home], set[str]()
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 400:
            continue
        seen.add(address)
        answer = signed_in.get(address)
        pages.append(answer)
        if answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html"):
            links = [urlsplit(link.get("href")) for link in page(answer).all("a")]
            waiting += [link.path for link in links if link.path.startswith(home)]

    for credential in credentials:
        assert url("detail", admin, credential) in seen
    assert not [answer.request["PATH_INFO"] for answer in pages if leaks(answer.content)]


def test_no_page_of_the_platform_shows_a_secret(signed_in: Client, admin: Membership) -> None:
    store_all(signed_in, admin)
    staff = Client()
    staff.force_login(UserFactory(is_staff=True))
    waiting, seen = ["/admin/"], set[str]()
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 200:
            continue
        seen.add(address)
        answer = staff.get(address)
        assert not leaks(answer.content), address
        if answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html"):
            links = [urlsplit(link.get("href")) for link in page(answer).all("a")]
            waiting += [link.path for link in links if link.path.startswith("/admin/")]

    assert len(seen) > 3


# Logs


def test_no_log_line_holds_a_secret(
    signed_in: Client, admin: Membership, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    """Vector 33, at the most talkative: every statement with its parameters is logged too."""
    settings.DEBUG = True
    connection.force_debug_cursor = True
    for logger in ("", "django"):
        caplog.set_level(logging.DEBUG, logger)
    credentials = store_all(signed_in, admin)
    refuse_some(signed_in, admin, credentials[3])
    with workspace_scope(admin.workspace_id):
        token = Credential.objects.get(kind="token")
    task = TaskFactory(workspace=admin.workspace, state=Task.State.RUNNING)
    with workspace_scope(admin.workspace_id):
        task.agent.provider_credential = token
        task.agent.save()
        assert leaks(actions.open_for_task(token, task).reveal())
    signed_in.post(url("revoke", admin, token))
    connection.force_debug_cursor = False

    statements = [r for r in caplog.records if r.name == "django.db.backends"]
    assert any("fleet_credentialversion" in record.getMessage() for record in statements)
    assert not [r.name for r in caplog.records if leaks(r.getMessage()) or leaks(vars(r))]
    assert not [query["sql"] for query in connection.queries if leaks(query["sql"])]


# Error reports


def reports_of(request: Any, error: BaseException) -> list[str]:
    reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
    shown = [reporter.get_traceback_html(), reporter.get_traceback_text()]
    return [*shown, "".join(traceback.format_exception(error)), repr(error), str(error)]


def fail_at(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise DatabaseError(f"broken on purpose at {place}")

    monkeypatch.setattr(place, fail)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "place",
    [
        # Django's own function, with the value among its variables, then ours, from the outside in.
        "django.core.validators.RegexValidator.__call__",
        "agenhood.fleet.actions.credential.stored_before",
        "agenhood.fleet.actions.credential.create",
        "agenhood.fleet.actions.credential.last_four",
        "workspaces.secrets.envelope._data_key",
        "workspaces.secrets.envelope.AESGCM.encrypt",
        "agenhood.fleet.models.CredentialVersion.save",
        "agenhood.fleet.actions.credential.record",
    ],
)
def test_an_error_report_of_a_view_shows_no_secret(
    admin: Membership, monkeypatch: pytest.MonkeyPatch, settings: Any, place: str, debug: bool
) -> None:
    settings.DEBUG = debug
    sent = {"kind": "git", "name": "Harrier", **VALUES["git"]}
    request: Any = RequestFactory().post("/w/x/credentials/new/", sent)
    request.user, request.membership, request.workspace = admin.user, admin, admin.workspace
    request.htmx = None
    if place.endswith("AESGCM.encrypt"):
        fail_at(monkeypatch, "workspaces.secrets.envelope.AESGCM")
    else:
        fail_at(monkeypatch, place)

    with pytest.raises(DatabaseError) as failed, workspace_scope(admin.workspace_id):
        credential_edit.credential_create(request, slug=admin.workspace.slug)

    shown = reports_of(request, failed.value)
    assert "broken on purpose" in shown[0]
    assert "credential_create" in shown[0]
    assert [text[:200] for text in shown if leaks(text)] == []


def test_an_error_report_of_a_rotation_shows_no_secret(
    admin: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = CredentialVersionFactory(workspace=admin.workspace)
    request: Any = RequestFactory().post("/w/x/credentials/y/rotate/", NEXT)
    request.user, request.membership, request.workspace = admin.user, admin, admin.workspace
    fail_at(monkeypatch, "agenhood.fleet.actions.credential.seal")

    with pytest.raises(DatabaseError) as failed, workspace_scope(admin.workspace_id):
        credential_edit.credential_rotate(
            request, slug=admin.workspace.slug, credential_id=version.credential_id
        )

    assert [text[:200] for text in reports_of(request, failed.value) if leaks(text)] == []


@pytest.mark.parametrize("place", ["agenhood.fleet.actions.credential.Credential.save"])
def test_an_error_report_of_a_task_shows_no_secret(
    admin: Membership, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """It has no request, and the opened value among the variables of the function that fails."""
    version = CredentialVersionFactory(workspace=admin.workspace, secret=NEXT["token"].encode())
    task = TaskFactory(workspace=admin.workspace, state=Task.State.RUNNING)
    with workspace_scope(admin.workspace_id):
        task.agent.provider_credential = version.credential
        task.agent.save()
    fail_at(monkeypatch, place)

    with pytest.raises(DatabaseError) as failed, workspace_scope(admin.workspace_id):
        actions.open_for_task(version.credential, task)

    assert [text[:200] for text in reports_of(None, failed.value) if leaks(text)] == []


def test_an_error_report_without_a_request_shows_no_variable() -> None:
    """A job's own functions may hold an opened secret, and carry no decorator."""

    def job() -> None:
        opened = WORD * 2
        raise DatabaseError(f"broken on purpose with {len(opened)} characters")

    with pytest.raises(DatabaseError) as failed:
        job()
    # Source lines are shown as well: the word itself stands in none.
    assert [text[:200] for text in reports_of(None, failed.value) if leaks(text)] == []


# Diffs and representations


def test_the_audit_trail_holds_no_secret(signed_in: Client, admin: Membership) -> None:
    credentials = store_all(signed_in, admin)
    signed_in.post(url("revoke", admin, credentials[0]))
    signed_in.post(url("delete", admin, credentials[1]))
    with workspace_scope(admin.workspace_id):
        entries = list(AuditEntry.objects.values())
    done = {entry["action"] for entry in entries}

    wanted = {"create", "rotate", "change", "revoke", "delete"}
    assert {f"credential.{verb}" for verb in wanted} <= done
    assert not [entry["action"] for entry in entries if leaks(json.dumps(entry, default=str))]


def test_what_carries_a_secret_does_not_show_it(signed_in: Client, admin: Membership) -> None:
    sent = {"kind": "git", "name": "Harrier", **VALUES["git"]}
    version = CredentialVersionFactory(workspace=admin.workspace)
    with workspace_scope(admin.workspace_id):
        form = CredentialForm("git", sent)
        assert form.is_valid()
        rotate = CredentialRotateForm(NEXT, credential=version.credential)
        assert rotate.is_valid()
        shown = [repr(form), str(form), repr(rotate), str(rotate), form.as_p(), repr(form.errors)]
        shown += [repr(version), str(version), repr(vars(version)), repr(vars(version.credential))]
    assert leaks(form.secret), "the form has it, and shows it nowhere:"
    assert not [text for text in shown if leaks(text)]
