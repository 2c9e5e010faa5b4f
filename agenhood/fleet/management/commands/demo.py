"""Two demo workspaces with four people, to see the console at work. Development only."""

import os
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.provisioning import account_for
from agenhood.fleet.demo.build import fill
from agenhood.fleet.demo.content import CONTENTS
from agenhood.fleet.demo.people import let_in
from workspaces.models import Membership, Workspace
from workspaces.provisioning import provision_workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

PEOPLE = {
    "owner@demo.test": ("Olive Owner", {"acme": Role.OWNER, "globex": Role.VIEWER}),
    "operator@demo.test": ("Otto Operator", {"acme": Role.OPERATOR, "globex": Role.OPERATOR}),
    "viewer@demo.test": ("Vera Viewer", {"acme": Role.VIEWER}),
    "outsider@demo.test": ("Oscar Outsider", {}),
}
WORKSPACES = {
    "acme": ("Acme", Workspace.Colour.BLUE, "owner@demo.test"),
    # Somebody must own it, and none of the four does.
    "globex": ("Globex", Workspace.Colour.ORANGE, "globex-owner@demo.test"),
}
KEPT = (
    "{who} keep the password that was printed when they were made;"
    " set AGENHOOD_DEMO_PASSWORD to set another."
)


class Command(BaseCommand):
    help = (
        "Makes the demo workspaces acme and globex with their people. The password of all is"
        " AGENHOOD_DEMO_PASSWORD, else a random one, printed. Safe to run twice: accounts that are"
        " there keep their password unless AGENHOOD_DEMO_PASSWORD says another."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo accounts have a shared password: not in production.")
        chosen = os.environ.get("AGENHOOD_DEMO_PASSWORD", "")
        password = chosen or secrets.token_urlsafe(9)
        with platform_scope("demo people"):
            people = {email: account_for(email, name)[0] for email, (name, _) in PEOPLE.items()}
            given = [p for p in people.values() if chosen or not p.has_usable_password()]
            for person in given:
                person.set_password(password)
                person.save()
        for slug, (name, colour, owner) in WORKSPACES.items():
            workspace = _workspace(slug, name, colour, owner)
            with platform_scope("demo members"):
                for email, (_name, roles) in PEOPLE.items():
                    if slug in roles:
                        Membership.objects.get_or_create(
                            workspace=workspace, user=people[email], defaults={"role": roles[slug]}
                        )
            _fill(workspace)
        self.stdout.write("Demo workspaces: acme and globex")
        self.stdout.write(f"Sign in as {', '.join(PEOPLE)}")
        if given:
            whose = "Their" if len(given) == len(people) else f"{_emails(given)}'s"
            said = "as AGENHOOD_DEMO_PASSWORD says" if chosen else password
            self.stdout.write(f"{whose} password: {said}")
        if len(given) < len(people):
            self.stdout.write(KEPT.format(who="The others" if given else "They"))


def _fill(workspace: Workspace) -> None:
    """Have the workspace's owner do what a month of work leaves behind."""
    with workspace_scope(workspace.pk):
        owner = Membership.objects.filter(role=Role.OWNER).order_by("created_at").first()
    if owner is not None:
        with workspace_scope(workspace.pk, user_id=owner.user_id):
            fill(CONTENTS[workspace.slug], by=User.objects.get(pk=owner.user_id))
            if workspace.slug == "acme":
                let_in(owner)


def _emails(people: list[User]) -> str:
    return ", ".join(person.email for person in people)


def _workspace(slug: str, name: str, colour: str, owner: str) -> Workspace:
    with platform_scope("find a demo workspace"):
        existing = Workspace.objects.filter(slug=slug).first()
    if existing is not None:
        return existing
    return provision_workspace(Workspace(slug=slug, name=name, colour=colour), owner).workspace
