"""What an operator types in a shell."""

import re
from io import StringIO

import pytest
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.models import User
from agenhood.fleet.management.commands import demo
from agenhood.fleet.models import Project
from tests import postgres
from tests.factories import UserFactory, WorkspaceFactory
from workspaces.management.commands.create_database_roles import PASSWORDS
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope


def run(*args, **options):
    out = StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def provision(name="Acme", slug="acme", owner="ann@acme.test"):
    return run("provision_workspace", name, slug=slug, owner=owner)


def last_word(line):
    return line.split()[-1]


# provision_workspace


def test_provisioning_makes_the_workspace_its_owner_and_a_link(client, db):
    said = provision()

    with platform_scope("look"):
        workspace = Workspace.objects.get(slug="acme")
        owner = Membership.objects.get(workspace=workspace)
        assert (workspace.name, owner.role) == ("Acme", Role.OWNER)
        assert owner.user.email == "ann@acme.test"
        assert not owner.user.has_usable_password()
    link = last_word(said)
    page = client.get(link, follow=True)
    sent = {"password1": "correct horse battery", "password2": "correct horse battery"}
    client.post(page.request["PATH_INFO"], sent)
    assert client.get("/w/acme/").status_code == 200


def test_provisioning_for_somebody_who_has_an_account_makes_no_link(db):
    ann = UserFactory(email="ann@acme.test", password="correct horse battery")

    said = provision(owner="Ann@ACME.test")

    assert "password" not in said
    with platform_scope("look"):
        assert Membership.objects.get(user=ann).workspace.slug == "acme"
        assert User.objects.filter(email__iexact="ann@acme.test").count() == 1
        assert User.objects.get(pk=ann.pk).check_password("correct horse battery")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"slug": "Acme Corp"}, "lower-case"),
        ({"slug": "acme\n"}, "lower-case"),
        ({"slug": "a" * 41}, "40"),
        ({"slug": "taken"}, "already exists"),
        ({"slug": ""}, "blank"),
        ({"name": ""}, "blank"),
        ({"name": "A" * 61}, "60"),
        ({"owner": "nobody"}, "email"),
        ({"owner": "closed@acme.test"}, "owner"),
    ],
)
def test_provisioning_refuses_with_a_reason_and_makes_nothing(db, changed, reason):
    WorkspaceFactory(slug="taken")
    UserFactory(email="closed@acme.test", is_active=False)

    def everything():
        with platform_scope("look"):
            return (
                set(Workspace.objects.values_list("slug")),
                set(User.objects.values_list("email")),
                set(Membership.objects.values_list("pk")),
            )

    before = everything()
    with pytest.raises(CommandError, match=reason):
        provision(**changed)

    assert everything() == before


# create_platform_admin


def test_the_first_platform_admin_gets_a_password_that_is_said_once(client, db, monkeypatch):
    monkeypatch.setenv("AGENHOOD_ADMIN_EMAIL", "Root@Example.test")
    monkeypatch.delenv("AGENHOOD_ADMIN_PASSWORD", raising=False)

    said = run("create_platform_admin")

    assert "root@example.test" in said
    client.post("/sign-in/", {"login": "root@example.test", "password": last_word(said)})
    assert client.get("/admin/").status_code == 200
    assert run("create_platform_admin") == ""


def test_a_chosen_password_is_used_and_not_said(client, db, monkeypatch):
    monkeypatch.setenv("AGENHOOD_ADMIN_EMAIL", "root@example.test")
    monkeypatch.setenv("AGENHOOD_ADMIN_PASSWORD", "correct horse battery")

    said = run("create_platform_admin")

    assert "correct horse battery" not in said
    with platform_scope("look"):
        admin = User.objects.get(is_staff=True)
        assert admin.check_password("correct horse battery")


def test_an_existing_platform_admin_is_left_alone(db, monkeypatch):
    admin = UserFactory(is_staff=True, password="correct horse battery")
    monkeypatch.setenv("AGENHOOD_ADMIN_EMAIL", admin.email)
    monkeypatch.setenv("AGENHOOD_ADMIN_PASSWORD", "another long password")

    assert run("create_platform_admin") == ""

    with platform_scope("look"):
        assert User.objects.get(is_staff=True).check_password("correct horse battery")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("nobody", "correct horse battery"),
        ("root@example.test", "too-short"),
        ("root@example.test", "password123"),
        ("root@example.test", "1234567890123"),
    ],
)
def test_a_weak_platform_admin_is_not_made(db, monkeypatch, email, password):
    monkeypatch.setenv("AGENHOOD_ADMIN_EMAIL", email)
    monkeypatch.setenv("AGENHOOD_ADMIN_PASSWORD", password)

    with pytest.raises(CommandError, match="AGENHOOD_ADMIN") as refusal:
        run("create_platform_admin")

    assert password not in str(refusal.value)
    with platform_scope("look"):
        assert not User.objects.filter(is_staff=True).exists()


# demo


def everything_of_the_demo():
    with platform_scope("look"):
        roles = {
            (membership.user.email, membership.workspace.slug): membership.role
            for membership in Membership.objects.select_related("user", "workspace")
        }
        workspaces = {workspace.slug: workspace for workspace in Workspace.objects.all()}
    projects = {}
    for slug, workspace in workspaces.items():
        with workspace_scope(workspace.pk):
            projects[slug] = {project.name for project in Project.objects.all()}
    return roles, projects


def test_the_demo_has_two_workspaces_and_a_role_of_each_kind(client, db, monkeypatch):
    monkeypatch.delenv("AGENHOOD_DEMO_PASSWORD", raising=False)

    said = run("demo")

    roles, projects = everything_of_the_demo()
    assert {key: role for key, role in roles.items() if "globex-owner" not in key[0]} == {
        ("owner@demo.test", "acme"): "owner",
        ("owner@demo.test", "globex"): "viewer",
        ("operator@demo.test", "acme"): "operator",
        ("operator@demo.test", "globex"): "operator",
        ("viewer@demo.test", "acme"): "viewer",
    }
    assert projects["acme"]
    assert projects["globex"]
    assert not projects["acme"] & projects["globex"]
    client.post("/sign-in/", {"login": "viewer@demo.test", "password": last_word(said)})
    assert client.get("/w/acme/projects/").status_code == 200
    assert client.get("/w/globex/projects/").status_code == 404
    assert not mail.outbox


def test_the_demo_can_be_made_twice(db, monkeypatch):
    monkeypatch.setenv("AGENHOOD_DEMO_PASSWORD", "correct horse battery")
    said = run("demo")
    before = everything_of_the_demo()
    with workspace_scope(workspace_of("acme").pk):
        project = Project.objects.earliest("created_at")
        project.name = project.name.upper()
        project.save()

    assert run("demo") == said

    roles, projects = everything_of_the_demo()
    assert roles == before[0]
    assert {name.lower() for name in projects["acme"]} == {n.lower() for n in before[1]["acme"]}
    assert project.name in projects["acme"]
    assert "correct horse battery" not in said


def test_the_demo_keeps_passwords_until_it_is_told_another(db, monkeypatch):
    def signs_in(password, email="viewer@demo.test"):
        return User.objects.get(email=email).check_password(password)

    monkeypatch.setattr(demo, "WORKSPACES", {})  # which take long to fill
    del (people := dict(demo.PEOPLE))["operator@demo.test"], people["owner@demo.test"]
    monkeypatch.setattr(demo, "PEOPLE", people)
    monkeypatch.delenv("AGENHOOD_DEMO_PASSWORD", raising=False)
    printed = last_word(run("demo"))
    with platform_scope("lose an account's password"):
        User.objects.filter(email="outsider@demo.test").update(password=make_password(None))

    said = run("demo")

    assert signs_in(printed)
    assert "The others keep the password that was printed when they were made" in said
    [new] = re.findall(r"^outsider@demo.test's password: (\S+)$", said, re.MULTILINE)
    assert signs_in(new, "outsider@demo.test")
    assert "They keep the password" in run("demo")
    monkeypatch.setenv("AGENHOOD_DEMO_PASSWORD", "correct horse battery")
    assert " keep " not in run("demo")
    assert signs_in("correct horse battery")


def workspace_of(slug):
    with platform_scope("look"):
        return Workspace.objects.get(slug=slug)


def test_no_demo_in_production(db, settings):
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="not in production"):
        run("demo")

    assert everything_of_the_demo() == ({}, {})


# create_database_roles


def test_making_database_roles_names_the_passwords_that_it_lacks(monkeypatch):
    for name in PASSWORDS.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AGENHOOD_APP_PASSWORD", "app")

    with pytest.raises(CommandError) as refusal:
        run("create_database_roles", "postgresql:///nowhere")

    assert "AGENHOOD_OWNER_PASSWORD, AGENHOOD_BACKUP_PASSWORD" in str(refusal.value)
    assert "AGENHOOD_APP_PASSWORD" not in str(refusal.value)


@pytest.fixture
def passwords(monkeypatch):
    for role, name in PASSWORDS.items():
        monkeypatch.setenv(name, postgres.PASSWORDS[role])


def test_making_database_roles_tells_why_it_cannot_connect(passwords):
    with pytest.raises(CommandError, match="does not exist"):
        run("create_database_roles", postgres.server.conninfo("nowhere"))


def test_making_database_roles_takes_an_administrator(passwords, django_db_setup):
    with pytest.raises(CommandError, match="cannot set up the database roles") as refusal:
        run("create_database_roles", postgres.url("agenhood_app"))

    assert "superuser" in str(refusal.value)
    assert "SCRAM" not in str(refusal.value)
