"""Labels that move and roll back, versions that never change, prompts that are put away."""

import threading

import pytest
from django.db import IntegrityError, connection, connections, transaction

from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.actions.prompt import EditConflict, LabelMoved, PromptRefused
from agenhood.fleet.models import Prompt, PromptLabel, PromptVersion
from tests.factories import AgentFactory, AgentRevisionFactory, MembershipFactory
from tests.fleet.prompts.conftest import (
    TEXTS,
    label,
    labels,
    make_prompt,
    stored,
    texts,
    trail,
    url,
)
from tests.pages import page
from workspaces.roles import Role
from workspaces.scope import member_scope, workspace_scope

UPDATES = [
    "UPDATE fleet_promptversion SET text = 'other'",
    "UPDATE fleet_promptversion SET number = number + 1",
    "UPDATE fleet_promptversion SET note = note",
]


# Versions


@pytest.mark.parametrize("statement", UPDATES)
def test_the_database_refuses_every_change_of_a_version(mine, triage, statement):
    with workspace_scope(mine.workspace_id):
        with pytest.raises(IntegrityError, match="written once"), transaction.atomic():
            connection.cursor().execute(statement)
        with pytest.raises(IntegrityError, match="written once"), transaction.atomic():
            PromptVersion.objects.filter(number=1).update(text="other")

    assert texts(triage) == TEXTS


# Labels


def move(client, mine, prompt, name, version, seen):
    sent = {"name": name, "version": str(version), "seen": str(seen)}
    return client.post(url("label-move", mine, prompt), sent)


def roll_back(client, mine, prompt, name, seen):
    path = url("label-roll-back", mine, prompt, label(prompt, name))
    return client.post(path, {"seen": str(seen)})


def test_promoting_and_rolling_back_go_step_by_step(client, mine, triage):
    assert move(client, mine, triage, "production", 2, seen=1).status_code == 302
    assert move(client, mine, triage, "production", 3, seen=2).status_code == 302
    for number in (2, 1):
        assert roll_back(client, mine, triage, "production", seen=number + 1).status_code == 302
        assert labels(triage)["production"] == number

    response = roll_back(client, mine, triage, "production", seen=1)

    assert response.status_code == 409
    assert "has never pointed elsewhere" in page(response).text
    assert [(action, changes.get("production")) for action, changes in trail(triage)[-4:]] == [
        ("prompt.move_label", ["v1", "v2"]),
        ("prompt.move_label", ["v2", "v3"]),
        ("prompt.roll_back", ["v3", "v2"]),
        ("prompt.roll_back", ["v2", "v1"]),
    ]


def test_a_moved_label_is_told_from_where_it_points_now(client, mine, triage):
    def told(response):
        main = page(client.get(response["Location"])).one("main")
        return [one.text for one in main.all("p", role="status", class_="good")]

    promoted = move(client, mine, triage, "production", 3, seen=1)
    assert told(promoted) == ["production is v3 now."]
    assert told(roll_back(client, mine, triage, "production", seen=3)) == ["production is v1 now."]
    assert told(promoted) == ["production is v1 now."]
    assert told(move(client, mine, triage, "canary", 2, seen=0)) == ["canary is v2 now."]
    forged = page(client.get(url("detail", mine, triage, query="?moved=Call+this+number")))
    assert "Call this number" not in forged.text
    assert "is v" not in forged.one("main").text


def test_a_label_that_moved_meanwhile_is_not_moved(client, mine, triage):
    move(client, mine, triage, "production", 2, seen=1)

    response = move(client, mine, triage, "production", 3, seen=1)

    shown = page(response)
    assert response.status_code == 409
    assert "The label production has been moved to v2 meanwhile." in shown.text
    assert labels(triage)["production"] == 2
    (again,) = (
        form
        for form in shown.all("form", action=url("label-move", mine, triage))
        if "now" in form.text
    )
    sent = {field["name"]: field["value"] for field in again.all("input", type="hidden")}
    assert client.post(again["action"], sent).status_code == 302
    assert labels(triage)["production"] == 3


def test_a_label_that_moved_meanwhile_is_not_rolled_back(client, mine, triage):
    move(client, mine, triage, "production", 2, seen=1)
    move(client, mine, triage, "production", 3, seen=2)

    for seen in (2, "", "x"):
        assert roll_back(client, mine, triage, "production", seen=seen).status_code == 409
    assert labels(triage)["production"] == 3


def test_own_labels_come_and_go(client, mine, triage):
    assert move(client, mine, triage, "canary-2", 2, seen=0).status_code == 302
    assert labels(triage) == {"production": 1, "draft": 3, "canary-2": 2}
    assert move(client, mine, triage, "canary-2", 3, seen=0).status_code == 409

    removed = client.post(url("label-remove", mine, triage, label(triage, "canary-2")))

    assert removed.status_code == 302
    assert labels(triage) == {"production": 1, "draft": 3}
    assert trail(triage)[-1] == ("prompt.remove_label", {"canary-2": ["v2", None]})
    gone = move(client, mine, triage, "canary-2", 3, seen=2)
    assert gone.status_code == 409
    assert "has been removed meanwhile" in page(gone).text


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"name": "Canary"}, "Use lower-case letters"),
        ({"name": ""}, "This field is required."),
        ({"name": "a" * 31}, "at most 30 characters"),
        ({"name": "a\0b"}, "Null characters are not allowed."),
        ({"name": "<b>"}, "Use lower-case letters"),
        ({"version": "4"}, "There is no v4 of this prompt."),
        ({"version": "0"}, "greater than or equal to 1"),
        ({"version": "9" * 40}, "less than or equal to"),
        ({"version": "x"}, "Enter a whole number."),
    ],
)
def test_what_a_label_cannot_be(client, mine, triage, sent, message):
    response = client.post(
        url("label-move", mine, triage), {"name": "canary", "version": "2", "seen": "0"} | sent
    )

    assert response.status_code == 422
    assert message in page(response).text
    assert labels(triage) == {"production": 1, "draft": 3}


def test_a_version_of_another_prompt_cannot_be_pointed_to(client, mine, triage):
    make_prompt(mine, "Other", [f"Text {number}." for number in range(5)])

    assert move(client, mine, triage, "production", 5, seen=1).status_code == 422


@pytest.mark.parametrize("state", ["running", "archived"])
def test_a_label_in_use_cannot_vanish(client, mine, triage, state):
    move(client, mine, triage, "canary", 2, seen=0)
    canary = label(triage, "canary")
    AgentFactory(
        workspace=mine.workspace, name="{0} Owl", prompt=triage, prompt_label=canary, state=state
    )

    response = client.post(url("label-remove", mine, triage, canary))

    assert response.status_code == 409
    assert "The label canary is in use by {0} Owl." in page(response).text
    assert "canary" in labels(triage)


@pytest.mark.parametrize("name", ["production", "draft"])
def test_the_labels_that_every_prompt_has_stay(client, mine, triage, name):
    response = client.post(url("label-remove", mine, triage, label(triage, name)))

    assert response.status_code == 409
    assert name in labels(triage)


def test_a_prompt_has_so_many_labels_and_no_more(client, mine, triage):
    with workspace_scope(mine.workspace_id):
        for number in range(actions.MOST_LABELS - 2):
            actions.move_label(triage, name=f"own-{number}", number=1)

    response = move(client, mine, triage, "one-more", 1, seen=0)

    assert response.status_code == 409
    assert "remove one first" in page(response).text


def test_a_label_of_another_prompt_is_not_found_under_this_one(client, mine, triage):
    other = make_prompt(mine, "Other")
    foreign = label(other, "production")

    for page_name in ("label-remove", "label-roll-back"):
        assert client.post(url(page_name, mine, triage, foreign)).status_code == 404


# Putting away


def test_a_prompt_is_archived_and_restored(client, mine, triage):
    client.post(url("archive", mine, triage))
    assert stored(triage).archived_at
    for response in (
        client.post(url("version-create", mine, triage), {"base": "3", "text": "Late."}),
        move(client, mine, triage, "production", 3, seen=1),
        roll_back(client, mine, triage, "draft", seen=3),
        client.get(url("version-create", mine, triage)),
    ):
        assert response.status_code == 409
        assert "is archived: restore it" in page(response).text
    assert texts(triage) == TEXTS
    client.post(url("restore", mine, triage))

    assert stored(triage).archived_at is None
    assert [action for action, _changes in trail(triage)[-2:]] == [
        "prompt.archive",
        "prompt.restore",
    ]


@pytest.mark.parametrize("state", ["running", "paused", "error"])
def test_a_prompt_that_agents_work_by_is_not_archived(client, mine, triage, state):
    for number in range(7):
        AgentFactory(workspace=mine.workspace, name=f"Owl {number}", prompt=triage, state=state)

    shown = page(client.get(url("detail", mine, triage)))
    (button,) = (one for one in shown.all("button") if one.text == "Archive")
    assert "disabled" in button.attributes
    assert "In use by Owl 0, Owl 1, Owl 2 and others." in shown.text

    response = client.post(url("archive", mine, triage))

    assert response.status_code == 409
    assert "in use by Owl 0, Owl 1, Owl 2, Owl 3, Owl 4 and others." in page(response).text
    assert stored(triage).archived_at is None


def test_a_prompt_that_only_archived_agents_name_is_archived(client, mine, triage):
    AgentFactory(workspace=mine.workspace, prompt=triage, state="archived")

    assert client.post(url("archive", mine, triage)).status_code == 302
    assert stored(triage).archived_at


def test_a_prompt_that_was_never_used_is_deleted_with_all_that_is_its_own(client, mine, triage):
    assert client.get(url("delete", mine, triage)).status_code == 200
    assert client.post(url("delete", mine, triage)).status_code == 302

    with workspace_scope(mine.workspace_id):
        left = [m.objects.count() for m in (Prompt, PromptVersion, PromptLabel)]
    assert left == [0, 0, 0]
    assert trail(triage)[-1] == ("prompt.delete", {"name": ["Triage", None]})


@pytest.mark.parametrize("use", ["now", "archived", "before"])
def test_a_prompt_that_was_ever_used_is_not_deleted(client, mine, triage, use):
    if use == "before":
        agent = AgentFactory(workspace=mine.workspace, name="Owl")
        configuration = {"prompt": {"id": str(triage.pk), "name": "Triage"}}
        AgentRevisionFactory(workspace=mine.workspace, agent=agent, configuration=configuration)
    else:
        state = "archived" if use == "archived" else "running"
        AgentFactory(workspace=mine.workspace, name="Owl", prompt=triage, state=state)

    response = client.post(url("delete", mine, triage))

    assert response.status_code == 409
    shown = page(response)
    assert ("then archive it" if use == "now" else "Archive it instead") in shown.text
    assert "Owl" in shown.text or use == "before"
    asked = page(client.get(url("delete", mine, triage)))
    for told in (shown, asked):
        buttons = [button.text for button in told.one("main").all("button")]
        assert buttons == ([] if use == "now" else ["Archive"])
    assert stored(triage) is not None
    assert texts(triage) == TEXTS


# Two at once


@pytest.fixture
def two(committed_db):
    first = MembershipFactory(role=Role.OPERATOR)
    second = MembershipFactory(workspace=first.workspace, role=Role.OPERATOR)
    return first, second, make_prompt(first)


def at_once(members, operation):
    """Run `operation(member)` for each at the same moment, each on a connection of its own."""
    barrier, outcomes = threading.Barrier(len(members)), []

    def run(member):
        try:
            with member_scope(member.workspace.slug, member.user_id):
                barrier.wait(timeout=10)
                outcomes.append(operation(member))
        except PromptRefused as refused:
            outcomes.append(type(refused))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_two_versions_at_once_are_one_version_and_one_conflict(two):
    first, second, triage = two

    outcomes = at_once(
        [first, second],
        lambda member: (
            actions.add_version(triage, text=f"By {member.pk}.", by=member.user, seen=3).number
        ),
    )

    assert set(outcomes) == {4, EditConflict}
    assert len(texts(triage)) == 4


def test_two_versions_at_once_that_nobody_has_to_have_seen_are_two(two):
    first, second, triage = two

    outcomes = at_once(
        [first, second],
        lambda member: actions.add_version(triage, text=f"By {member.pk}.", by=member.user).number,
    )

    assert sorted(outcomes) == [4, 5]
    assert labels(triage)["draft"] == 5


def test_two_promotions_at_once_are_one_and_one_refusal(two):
    first, second, triage = two
    wanted = {first.pk: 2, second.pk: 3}

    outcomes = at_once(
        [first, second],
        lambda member: (
            actions.move_label(
                triage, name="production", number=wanted[member.pk], seen=1
            ).version.number
        ),
    )

    assert LabelMoved in outcomes
    (moved,) = (outcome for outcome in outcomes if outcome != LabelMoved)
    assert labels(triage)["production"] == moved
    told = [action for action, _changes in trail(triage)]
    assert told.count("prompt.move_label") == 1


def test_two_roll_backs_at_once_go_one_step(two):
    first, second, triage = two
    with workspace_scope(first.workspace_id):
        actions.move_label(triage, name="production", number=2)
        actions.move_label(triage, name="production", number=3)
    production = label(triage, "production")

    outcomes = at_once(
        [first, second], lambda _member: actions.roll_back(production, seen=3).version.number
    )

    assert set(outcomes) == {2, LabelMoved}
    assert labels(triage)["production"] == 2


def test_two_prompts_of_one_name_at_once_are_one_and_a_refusal(two):
    first, second, _triage = two

    outcomes = at_once(
        [first, second],
        lambda member: actions.create(name="Twin", text="Text.", by=member.user).name,
    )

    assert set(outcomes) == {"Twin", PromptRefused}


def test_deleting_while_another_saves_leaves_all_or_nothing(two):
    first, second, triage = two

    def operation(member):
        if member == first:
            return actions.delete(triage)
        return actions.add_version(triage, text="Late.", by=member.user).number

    outcomes = at_once([first, second], operation)

    assert stored(triage) is None
    assert None in outcomes
    assert outcomes[0] in (None, 4, PromptRefused)
    with workspace_scope(first.workspace_id):
        assert PromptVersion.objects.count() == 0
