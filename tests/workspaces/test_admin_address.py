"""Staff see whose address was never proven, and may vouch for it."""

import pytest
from allauth.account.models import EmailAddress

from tests.factories import MembershipFactory, UserFactory
from workspaces.audit.models import AuditEntry
from workspaces.scope import workspace_scope

PEOPLE = "/admin/accounts/user/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(UserFactory(email="staff@platform.test", is_staff=True))
    return client


def proven(user) -> bool:
    return EmailAddress.objects.get(user=user).verified


def test_an_unproven_address_is_marked_and_staff_may_vouch_for_it(staff):
    member = MembershipFactory(user__email="pat@x.test")
    EmailAddress.objects.filter(user=member.user).update(verified=False)
    assert 'alt="False"' in staff.get(f"{PEOPLE}?q=pat").text

    def ask(*people):
        chosen = [str(person.pk) for person in people]
        sent = {"action": "confirm_address", "_selected_action": chosen}
        return staff.post(PEOPLE, sent, follow=True).text

    assert "Choose one person" in ask(member.user, UserFactory())
    assert not proven(member.user)
    assert "counts as proven" in ask(member.user)
    assert proven(member.user)
    assert "Choose one person" in ask(member.user)
    with workspace_scope(member.workspace_id):
        entry = AuditEntry.objects.get(action="member.confirm_address")
        assert (entry.actor_label, entry.target_label) == ("staff@platform.test", "pat@x.test")
