"""The pages of credentials, as each role finds them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agenhood.fleet.actions import credential as actions
from agenhood.fleet.models import Credential, CredentialGrant, CredentialVersion, Task
from tests.factories import (
    AgentFactory,
    CredentialFactory,
    CredentialVersionFactory,
    MembershipFactory,
    TaskFactory,
    WorkspaceFactory,
)
from tests.pages import error_at, page
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope
from workspaces.secrets import open_sealed

FRAGMENT = {"HX-Request": "true"}
SECRET = "sk-ant-Peregrine-0123456789abcd"
OTHER = "sk-ant-Sparrowhawk-0123456789xyz"
SSH_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nUGVyZWdyaW5l\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def mine(client, db):
    """The membership of the admin who is signed in."""
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    return membership


@pytest.fixture
def harrier(mine):
    version = CredentialVersionFactory(
        workspace=mine.workspace,
        created_by=mine.user,
        credential__name="Harrier",
        credential__created_by=mine.user,
        secret=SECRET.encode(),
    )
    return version.credential


def url(name, membership, credential=None, query=""):
    args = [membership.workspace.slug] + ([credential.pk] if credential else [])
    return reverse(f"fleet:credential-{name}", args=args) + query


def sign_in(client, mine, role):
    other = MembershipFactory(workspace=mine.workspace, role=role)
    client.force_login(other.user)
    return other


def only(mine):
    with workspace_scope(mine.workspace_id):
        return Credential.objects.get()


def values(mine):
    """Return what the workspace's credentials hold: {name: [value of each version]}."""
    found: dict[str, list[Any]] = {}
    with workspace_scope(mine.workspace_id):
        for version in CredentialVersion.objects.select_related("credential").order_by("number"):
            value = version.sealed and open_sealed(version, "sealed", version.sealed)
            found.setdefault(version.credential.name, []).append(value)
    return found


def listed(response):
    return [link.text for link in page(response).all("a", class_="row-link")]


def running_task(credential):
    task = TaskFactory(
        workspace=credential.workspace, state=Task.State.RUNNING, started_at=timezone.now()
    )
    with workspace_scope(credential.workspace_id):
        CredentialGrant.objects.create(agent=task.agent, credential=credential, variable="KEY")
    return task


# Storing

KINDS = [
    ({"kind": "anthropic", "key": f"  {SECRET}\n"}, {}, SECRET),
    (
        {"kind": "openai", "base_url": "http://models:8000/v1", "key": SECRET},
        {"base_url": "http://models:8000/v1"},
        SECRET,
    ),
    (
        {"kind": "openai", "base_url": "https://[::1]:8000/v1", "key": ""},
        {"base_url": "https://[::1]:8000/v1"},
        "",
    ),
    (
        {
            "kind": "git",
            "host": "git.example.com:8443",
            "user": "bot",
            "auth": "token",
            "token": SECRET,
        },
        {"host": "git.example.com:8443", "user": "bot", "auth": "token"},
        SECRET,
    ),
    (
        {
            "kind": "git",
            "host": "github.com",
            "user": "git",
            "auth": "ssh_key",
            "private_key": SSH_KEY.replace("\n", "\r\n").rstrip(),
        },
        {"host": "github.com", "user": "git", "auth": "ssh_key"},
        SSH_KEY,
    ),
    ({"kind": "token", "token": SECRET}, {}, SECRET),
    (
        {"kind": "password", "user": "ann", "password": "  with blanks  "},
        {"user": "ann"},
        "  with blanks  ",
    ),
    (
        {"kind": "file", "file_name": "kube.yaml", "content": "a: 1\r\nb: 2\r\n"},
        {"file_name": "kube.yaml"},
        "a: 1\nb: 2\n",
    ),
]


@pytest.mark.parametrize(("sent", "fields", "value"), KINDS, ids=lambda part: str(part)[:40])
def test_each_kind_is_stored_with_its_fields(client, mine, sent, fields, value):
    response = client.post(url("create", mine), {"name": " Harrier ", **sent})

    credential = only(mine)
    assert response.status_code == 302, page(response).text
    assert response["Location"] == url("detail", mine, credential)
    assert (credential.name, credential.kind) == ("Harrier", sent["kind"])
    assert credential.fields == fields
    assert credential.created_by_id == mine.user.pk
    assert values(mine) == {"Harrier": [value.encode()]}
    shown = client.get(url("detail", mine, credential))
    assert shown.status_code == 200
    for part in fields.values():
        assert part in shown.text or part in ("token", "ssh_key")


def test_a_file_is_uploaded_as_it_is(client, mine):
    content = bytes(range(256)) * 256
    upload = SimpleUploadedFile("client.p12", content)

    response = client.post(
        url("create", mine), {"kind": "file", "name": "Harrier", "upload": upload}
    )

    assert response.status_code == 302
    assert only(mine).fields == {"file_name": "client.p12"}
    assert values(mine) == {"Harrier": [content]}
    with workspace_scope(mine.workspace_id):
        assert CredentialVersion.objects.get().last_four == ""


REFUSED = [
    ({"kind": "anthropic"}, "key", "This field is required."),
    ({"kind": "anthropic", "key": "   "}, "key", "This field is required."),
    ({"kind": "anthropic", "key": "two words"}, "key", "This has blanks or line breaks"),
    ({"kind": "anthropic", "key": "schlüssel"}, "key", "letters that no key has"),
    ({"kind": "anthropic", "key": "a\0b"}, "key", "Null characters are not allowed."),
    ({"kind": "anthropic", "key": "x" * 8193}, "key", "at most 8192 characters"),
    ({"kind": "openai", "base_url": "ftp://host/v1"}, "base_url", "Enter an address such as"),
    ({"kind": "openai", "base_url": "https://u:p@host/v1"}, "base_url", "without user, password"),
    ({"kind": "openai", "base_url": "https://host/v1?key=1"}, "base_url", "without user, password"),
    ({"kind": "openai", "base_url": "javascript:alert(1)"}, "base_url", "Enter an address"),
    ({"kind": "git", "host": "https://github.com", "user": "x"}, "host", "Enter a host name"),
    ({"kind": "git", "host": "github.com", "user": "x", "auth": "token"}, "token", "required"),
    (
        {"kind": "git", "host": "github.com", "user": "x", "auth": "ssh_key", "token": SECRET},
        "private_key",
        "required",
    ),
    (
        {"kind": "git", "host": "h", "user": "x", "auth": "ssh_key", "private_key": "ssh-rsa AAA"},
        "private_key",
        "This is no private key",
    ),
    ({"kind": "password", "user": "ann", "password": ""}, "password", "required"),
    ({"kind": "file", "file_name": "x"}, "upload", "Choose a file, or paste its content below."),
    ({"kind": "file", "content": "x"}, "file_name", "Give what you pasted a file name."),
    ({"kind": "file", "file_name": "../x", "content": "x"}, "file_name", "Use letters, digits"),
    ({"kind": "file", "file_name": "..", "content": "x"}, "file_name", "Use letters, digits"),
    ({"kind": "file", "file_name": "x", "content": "é" * 40_000}, "content", "at most 64 KiB"),
    ({"kind": "token", "token": SECRET, "expires_on": "2020-01-01"}, "expires_on", "later day"),
    ({"kind": "token", "token": SECRET, "expires_on": "9999-12-31"}, "expires_on", "later day"),
    ({"kind": "token", "token": SECRET, "expires_on": "soon"}, "expires_on", "valid date"),
]


@pytest.mark.parametrize("headers", [{}, FRAGMENT], ids=["page", "fragment"])
@pytest.mark.parametrize(("sent", "field", "message"), REFUSED)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_stored(
    client, mine, sent, field, message, headers
):
    response = client.post(url("create", mine), {"name": "Harrier", **sent}, headers=headers)

    assert response.status_code == 422
    assert message in error_at(response, field)
    assert "enter it once more" in response.text
    assert values(mine) == {}


def test_git_knows_two_ways_to_sign_in(client, mine):
    sent = {"kind": "git", "name": "Harrier", "host": "h", "user": "x", "token": SECRET}
    for auth in ("magic", ""):
        response = client.post(url("create", mine), sent | {"auth": auth})

        assert response.status_code == 422
        assert page(response).one("ul", class_="errorlist")
    assert values(mine) == {}


def test_too_large_an_upload_is_refused(client, mine):
    upload = SimpleUploadedFile("big", b"x" * (64 * 1024 + 1))

    response = client.post(url("create", mine), {"kind": "file", "name": "x", "upload": upload})

    assert response.status_code == 422
    assert error_at(response, "upload") == "A file of at most 64 KiB can be kept as a credential."


@pytest.mark.parametrize("kind", ["", "nonsense", "anthropic\0"])
def test_an_unknown_kind_leads_to_the_choice_of_kinds(client, mine, kind):
    response = client.post(url("create", mine), {"kind": kind, "name": "Harrier"})

    assert response.status_code == 422
    kinds = [link["href"] for link in page(response).all("a", class_="row-link")]
    assert kinds == [url("create", mine, query=f"?kind={k}") for k in Credential.Kind.values]
    assert client.get(kinds[0]).status_code == 200


def test_a_name_that_is_taken_is_said_at_its_field(client, mine, harrier):
    sent = {"kind": "token", "name": "HARRIER", "token": OTHER}
    response = client.post(url("create", mine), sent)

    assert response.status_code == 422
    assert error_at(response, "name") == "This workspace already has a credential of that name."
    assert page(response).one("input", name="name")["value"] == "HARRIER"
    assert len(values(mine)) == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "anthropic", "key": SECRET},
        {"kind": "git", "host": "", "user": "x", "auth": "token", "token": SECRET},
        {"kind": "git", "host": "", "user": "x", "auth": "ssh_key", "private_key": SECRET},
        {"kind": "password", "user": "", "password": SECRET},
        {"kind": "file", "file_name": "/", "content": SECRET},
    ],
)
def test_a_form_that_comes_back_keeps_what_was_typed_but_the_secret(client, mine, sent):
    response = client.post(url("create", mine), {"name": "x" * 61, **sent})

    assert response.status_code == 422
    assert SECRET not in response.text
    assert page(response).one("input", name="name")["value"] == "x" * 61


def test_inputs_for_secrets_are_remembered_by_no_browser(client, mine, harrier):
    for kind in Credential.Kind.values:
        form = page(client.get(url("create", mine, query=f"?kind={kind}"))).one(
            "form", class_="fields"
        )
        assert form["autocomplete"] == "off"
        for field in [*form.all("input", type="password"), *form.all("textarea")]:
            assert field["autocomplete"] == "off"
            assert "value" not in field.attributes
    rotate = page(client.get(url("rotate", mine, harrier)))
    assert rotate.one("input", type="password")["autocomplete"] == "off"


# Noticing the same secret


def test_the_same_secret_again_is_pointed_out_and_stored_when_that_is_meant(client, mine, harrier):
    sent = {"kind": "anthropic", "name": "Kite", "key": SECRET}
    response = client.post(url("create", mine), sent)

    assert response.status_code == 422
    assert "as the credential “Harrier”" in error_at(response, "key")
    assert SECRET not in response.text
    assert list(values(mine)) == ["Harrier"]
    assert page(response).one("input", name="store_again")["type"] == "checkbox"

    assert client.post(url("create", mine), sent | {"store_again": "on"}).status_code == 302
    assert values(mine) == {"Harrier": [SECRET.encode()], "Kite": [SECRET.encode()]}


def test_another_workspaces_secret_is_not_pointed_out(client, mine):
    CredentialVersionFactory(secret=SECRET.encode())

    sent = {"kind": "anthropic", "name": "Kite", "key": SECRET}
    assert client.post(url("create", mine), sent).status_code == 302


def test_a_revoked_secret_is_pointed_out_as_such(client, mine, harrier):
    client.post(url("revoke", mine, harrier))

    response = client.post(
        url("create", mine), {"kind": "anthropic", "name": "Kite", "key": SECRET}
    )

    assert "“Harrier”, which was revoked" in error_at(response, "key")


# The list and the page of one


def test_the_list_shows_metadata_of_its_own_workspace_only(client, mine, harrier):
    CredentialVersionFactory(credential__name="Kestrel")

    response = client.get(url("list", mine))

    assert listed(response) == ["Harrier"]
    assert "abcd" in response.text
    assert SECRET not in response.text


def test_the_list_filters_by_state_kind_and_words(client, mine, harrier):
    CredentialFactory(workspace=mine.workspace, name="Gone", revoked_at=timezone.now())
    CredentialFactory(workspace=mine.workspace, name="Git bot", kind="git")

    assert listed(client.get(url("list", mine))) == ["Git bot", "Harrier"]
    assert listed(client.get(url("list", mine, query="?state=revoked"))) == ["Gone"]
    assert listed(client.get(url("list", mine, query="?kind=git"))) == ["Git bot"]
    assert listed(client.get(url("list", mine, query="?kind=%00"))) == ["Git bot", "Harrier"]
    assert listed(client.get(url("list", mine, query="?q=bot+GIT"))) == ["Git bot"]
    nothing = page(client.get(url("list", mine, query="?q=Merlin&kind=file")))
    assert nothing.one("div", id="results").one("h2").text == "No match"


def test_expiry_is_warned_of_on_the_list_and_on_the_page(client, mine, harrier):
    for days, word in [(3, "Soon"), (-1, "Expired"), (30, "")]:
        with workspace_scope(mine.workspace_id):
            Credential.objects.update(expires_at=timezone.now() + timedelta(days=days))
        for name, credential in [("list", None), ("detail", harrier)]:
            shown = page(client.get(url(name, mine, credential))).one("main")
            tags = {tag.text for tag in shown.all("span", class_="tag")}
            assert (tags & {"Soon", "Expired"}) == ({word} if word else set())
        assert bool(shown.all("div", class_="band")) is bool(word)


def test_the_last_day_is_a_whole_day_of_the_persons_time_zone(client, mine):
    mine.user.time_zone = "Asia/Tokyo"
    mine.user.save(update_fields=["time_zone"])
    day = timezone.localdate() + timedelta(days=40)
    sent = {"kind": "token", "name": "Harrier", "token": SECRET, "expires_on": day.isoformat()}
    client.post(url("create", mine), sent)

    expires_at = only(mine).expires_at
    assert expires_at.hour == 15, "midnight in Tokyo"
    assert expires_at.date() == day
    edit = page(client.get(url("edit", mine, only(mine))))
    assert edit.one("input", name="expires_on")["value"] == day.isoformat()
    for name, credential in [("list", None), ("detail", only(mine))]:
        text = page(client.get(url(name, mine, credential))).one("main").text
        assert f"the end of {day:%-d %b %Y}" in text


def test_an_expiry_within_a_day_is_shown_to_the_minute(client, mine, harrier):
    with workspace_scope(mine.workspace_id):
        Credential.objects.update(expires_at=datetime(2031, 11, 28, 5, 30, tzinfo=UTC))

    assert "28 Nov 2031, 05:30 UTC" in page(client.get(url("detail", mine, harrier))).text


@pytest.mark.parametrize(
    ("expires_at", "said"),
    [
        (datetime(2031, 11, 29, tzinfo=UTC), "The present one expires at the end of 28 Nov 2031"),
        (datetime(2020, 11, 29, tzinfo=UTC), "The present one expired at the end of 28 Nov 2020"),
        (None, "The present one does not expire"),
    ],
)
def test_rotating_tells_when_the_present_value_ends(client, mine, harrier, expires_at, said):
    with workspace_scope(mine.workspace_id):
        Credential.objects.update(expires_at=expires_at)

    form = page(client.get(url("rotate", mine, harrier))).one("form", class_="fields")

    assert said in form.text
    assert "leave it empty" in form.text
    assert not form.one("input", name="expires_on").get("value")


@pytest.mark.parametrize("count", [3, 30])
def test_the_pages_take_as_many_statements_for_few_as_for_many(client, mine, count):
    for number in range(count):
        version = CredentialVersionFactory(workspace=mine.workspace, secret=b"%d" % number)
        running_task(version.credential)
    with workspace_scope(mine.workspace_id):
        shared = Credential.objects.order_by("pk").first()
        for task in Task.objects.exclude(agent__grants__credential=shared):
            CredentialGrant.objects.create(
                agent_id=task.agent_id, credential=shared, variable="SHARED"
            )
    for number in range(2, count):
        CredentialVersionFactory(
            workspace=mine.workspace, credential=shared, number=number, secret=b"v%d" % number
        )

    for name, credential in [("list", None), ("detail", shared), ("revoke", shared)]:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(url(name, mine, credential)).status_code == 200
        assert len(asked) <= 12, [query["sql"][:200] for query in asked]


def test_a_long_list_goes_on_on_the_next_page(client, mine):
    for number in range(27):
        CredentialFactory(workspace=mine.workspace, name=f"key {number:02}")

    first = client.get(url("list", mine))
    second = client.get(url("list", mine, query=page(first).one("a", rel="next")["href"]))

    assert listed(first) + listed(second) == [f"key {number:02}" for number in range(27)]


def test_who_stored_it_may_have_left(client, mine):
    version = CredentialVersionFactory(workspace=mine.workspace)

    response = client.get(url("detail", mine, version.credential))

    assert response.status_code == 200
    assert "Former member" in response.text


def test_the_page_names_agents_and_the_task_that_used_it_last(client, mine, harrier):
    task = running_task(harrier)
    with workspace_scope(mine.workspace_id):
        actions.open_for_task(harrier, task)

    shown = page(client.get(url("detail", mine, harrier))).one("main").text

    assert f"by task #1 of {task.agent.name}" in shown


# Roles


def test_an_auditor_sees_metadata_and_no_agents(client, mine, harrier):
    task = running_task(harrier)
    auditor = sign_in(client, mine, Role.AUDITOR)

    shown = client.get(url("detail", auditor, harrier))

    assert shown.status_code == 200
    assert task.agent.name not in shown.text
    assert "1 agent. Your role shows their number only." in page(shown).text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_who_may_not_manage_is_offered_nothing(client, mine, harrier, role):
    other = sign_in(client, mine, role)

    for name, credential in [("list", None), ("detail", harrier)]:
        links = {link["href"] for link in page(client.get(url(name, other, credential))).all("a")}
        assert not links & {
            url(name, other, target)
            for name, target in [
                ("create", None),
                *((name, harrier) for name in ("edit", "rotate", "revoke", "delete")),
            ]
        }


def test_a_viewer_sees_nothing_of_credentials(client, mine, harrier):
    viewer = sign_in(client, mine, Role.VIEWER)

    assert client.get(url("list", viewer)).status_code == 403
    assert client.get(url("detail", viewer, harrier)).status_code == 403
    assert "redentials" not in page(client.get(f"/w/{mine.workspace.slug}/")).one("nav").text


def test_a_suspended_workspace_offers_and_takes_no_change(client, mine, harrier):
    suspend(mine.workspace, "unpaid")
    detail = page(client.get(url("detail", mine, harrier))).one("main")

    assert not detail.all("a", class_="button")
    assert client.get(url("rotate", mine, harrier)).status_code == 200
    for name in ("rotate", "edit", "revoke", "delete"):
        answer = client.post(url(name, mine, harrier), {"token": OTHER, "seen": "1", "name": "x"})
        assert answer.status_code == 403
    assert values(mine) == {"Harrier": [SECRET.encode()]}


# Editing


def test_editing_changes_all_but_the_value(client, mine):
    client.post(
        url("create", mine),
        {
            "kind": "git",
            "name": "Bot",
            "host": "a.test",
            "user": "u",
            "auth": "token",
            "token": SECRET,
        },
    )
    credential = only(mine)

    response = client.post(
        url("edit", mine, credential),
        {
            "name": "Kite",
            "host": "b.test",
            "user": "v",
            "auth": "ssh_key",
            "seen": "1",
            "token": OTHER,
        },
    )

    assert response.status_code == 302
    assert only(mine).fields == {"host": "b.test", "user": "v", "auth": "token"}
    assert values(mine) == {"Kite": [SECRET.encode()]}


def test_an_edit_on_an_old_page_shows_both_texts(client, mine, harrier):
    client.post(url("edit", mine, harrier), {"name": "Theirs", "seen": "1"})

    response = client.post(url("edit", mine, harrier), {"name": "Ours", "seen": "1"})

    shown = page(response).one("main")
    assert response.status_code == 409
    assert "Theirs" in shown.one("dl").text
    assert shown.one("input", name="name")["value"] == "Ours"
    assert only(mine).name == "Theirs"
    again = client.post(
        url("edit", mine, harrier),
        {"name": "Ours", "seen": shown.one("input", name="seen")["value"]},
    )
    assert again.status_code == 302
    assert only(mine).name == "Ours"


@pytest.mark.parametrize("seen", ["", "x", "0", "-1", "9" * 30, "1\0"])
def test_an_edit_without_its_edition_is_refused(client, mine, harrier, seen):
    response = client.post(url("edit", mine, harrier), {"name": "Ours", "seen": seen})

    assert response.status_code == 422
    assert only(mine).name == "Harrier"


def test_a_day_that_has_passed_may_stay_when_something_else_is_edited(client, mine, harrier):
    with workspace_scope(mine.workspace_id):
        Credential.objects.update(expires_at=timezone.now() - timedelta(days=9))
    form = page(client.get(url("edit", mine, harrier)))
    day = form.one("input", name="expires_on")["value"]

    response = client.post(
        url("edit", mine, harrier), {"name": "Kite", "seen": "1", "expires_on": day}
    )

    assert response.status_code == 302


# Rotating


def test_rotating_makes_a_new_version(client, mine, harrier):
    response = client.post(url("rotate", mine, harrier), {"token": OTHER, "seen": "1"})

    assert response.status_code == 302
    assert values(mine) == {"Harrier": [None, OTHER.encode()]}
    shown = page(client.get(url("detail", mine, harrier))).one("main").text
    assert "v2" in shown
    assert "Forgotten" in shown


def test_rotating_to_the_same_value_is_refused(client, mine, harrier):
    response = client.post(
        url("rotate", mine, harrier), {"token": SECRET, "seen": "1", "store_again": "on"}
    )

    assert response.status_code == 422
    assert error_at(response, "token") == "This is the value that it has already."


def test_rotating_back_to_an_earlier_value_has_to_be_meant(client, mine, harrier):
    client.post(url("rotate", mine, harrier), {"token": OTHER, "seen": "1"})

    response = client.post(url("rotate", mine, harrier), {"token": SECRET, "seen": "2"})

    assert "an earlier version of this credential (v1)" in error_at(response, "token")


def test_rotating_on_an_old_page_stores_nothing(client, mine, harrier):
    client.post(url("rotate", mine, harrier), {"token": OTHER, "seen": "1"})

    response = client.post(url("rotate", mine, harrier), {"token": "a-third-value", "seen": "1"})

    assert response.status_code == 409
    assert "Somebody else has rotated it meanwhile, to v2." in page(response).text
    assert page(response).one("input", name="seen")["value"] == "2"
    assert values(mine) == {"Harrier": [None, OTHER.encode()]}


def test_an_ssh_key_is_rotated_to_an_ssh_key(client, mine):
    sent = {"kind": "git", "name": "Bot", "host": "a.test", "user": "git", "auth": "ssh_key"}
    client.post(url("create", mine), sent | {"private_key": SSH_KEY})
    credential = only(mine)
    form = page(client.get(url("rotate", mine, credential)))
    assert form.all("textarea", name="private_key")
    assert not form.all("input", name="token")

    refused = client.post(url("rotate", mine, credential), {"token": SECRET, "seen": "1"})
    assert error_at(refused, "private_key") == "This field is required."


def test_a_revoked_credential_is_neither_rotated_nor_edited(client, mine, harrier):
    client.post(url("revoke", mine, harrier))

    for name in ("rotate", "edit"):
        sent = {"token": OTHER, "name": "Kite", "seen": "1"}
        response = client.post(url(name, mine, harrier), sent)
        assert response.status_code == 409
        assert "has been revoked" in page(response).text
    assert values(mine) == {"Harrier": [None]}


# Revoking and deleting


def test_revoking_asks_first_and_names_what_it_breaks(client, mine, harrier):
    task = running_task(harrier)
    AgentFactory(workspace=mine.workspace, name="Idle", provider_credential=harrier)

    asked = page(client.get(url("revoke", mine, harrier))).one("main")

    assert "1 running task will fail" in asked.text
    assert f"of {task.agent.name}: {task.conversation.title}" in asked.text
    assert "Idle" in asked.text
    assert asked.one("button").text == "Revoke now"
    assert "danger" in asked.one("button")["class"]
    assert values(mine) == {"Harrier": [SECRET.encode()]}

    assert client.post(url("revoke", mine, harrier)).status_code == 302
    assert values(mine) == {"Harrier": [None]}
    detail = page(client.get(url("detail", mine, harrier))).one("main")
    assert "Its values are gone for good." in detail.text


def test_deleting_is_refused_while_an_agent_names_it(client, mine, harrier):
    AgentFactory(workspace=mine.workspace, name="Idle", provider_credential=harrier)

    asked = page(client.get(url("delete", mine, harrier))).one("main")
    response = client.post(url("delete", mine, harrier))

    assert "Idle" in asked.text
    assert not asked.all("button")
    assert response.status_code == 409
    assert "An agent uses this credential" in page(response).text
    assert only(mine) == harrier


def test_an_unused_credential_is_deleted(client, mine, harrier):
    response = client.post(url("delete", mine, harrier))

    assert response["Location"] == url("list", mine)
    assert values(mine) == {}


@pytest.mark.parametrize("name", ["detail", "edit", "rotate", "revoke", "delete"])
def test_another_workspaces_credential_is_not_there(client, mine, name):
    theirs = CredentialVersionFactory(workspace=WorkspaceFactory(), secret=SECRET.encode())

    methods = [client.get] if name == "detail" else [client.get, client.post]
    for ask in methods:
        assert ask(url(name, mine, theirs.credential)).status_code == 404
    with workspace_scope(theirs.workspace_id):
        assert CredentialVersion.objects.exclude(sealed=None).count() == 1


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_who_manages_no_credentials_sees_neither_its_end_nor_its_user(client, db, role):
    mine = MembershipFactory(role=role)
    credential = CredentialFactory(
        workspace=mine.workspace, kind="password", fields={"user": "bob-at-the-door"}
    )
    CredentialVersionFactory(
        workspace=mine.workspace, credential=credential, secret=b"swordfish-of-the-door-0007"
    )
    client.force_login(mine.user)
    slug = mine.workspace.slug

    for address in (
        reverse("fleet:credential-list", args=[slug]),
        reverse("fleet:credential-detail", args=[slug, credential.pk]),
    ):
        text = client.get(address).text
        assert credential.name in text
        assert "0007" not in text
        assert "bob-at-the-door" not in text
