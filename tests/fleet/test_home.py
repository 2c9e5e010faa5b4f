"""What the fleet shows on its workspace's home."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agenhood.fleet.activity import HEIGHT, activity
from agenhood.fleet.meters import meters_of
from tests.browser.agent_rows import task_at
from tests.factories import (
    AgentFactory,
    ApprovalFactory,
    ConversationFactory,
    CredentialFactory,
    MembershipFactory,
    ProjectFactory,
    PromptFactory,
)
from tests.fleet.agents.conftest import statements
from tests.pages import page
from workspaces.roles import Role
from workspaces.scope import workspace_scope

MOST_STATEMENTS = 12
SAVEPOINT = 2  # around the tiles: it is there in production, too


@pytest.fixture
def mine(client, db):
    membership = MembershipFactory(role=Role.OPERATOR)
    client.force_login(membership.user)
    return membership


@pytest.fixture
def owl(mine):
    return AgentFactory(workspace=mine.workspace, name="Owl")


def get(client, membership):
    response = client.get(membership.workspace.get_absolute_url())
    assert response.status_code == 200
    return response


def tile(response, title):
    return page(response).one("section", aria_label=title)


def rows(response, title):
    return [link.text for link in tile(response, title).all("a", class_="row-link")]


def tasks(agent, when, *states, title="A task", **fields):
    """Give the agent tasks that were made `when` ago."""
    conversation = ConversationFactory(workspace=agent.workspace, agent=agent, title=title)
    return [
        task_at(
            timezone.now() - when,
            workspace=agent.workspace,
            conversation=conversation,
            number=number,
            state=state,
            **fields,
        )
        for number, state in enumerate(states, start=1)
    ]


def elsewhere():
    """What must not be seen: everything there is, in another workspace."""
    theirs = AgentFactory(name="Kestrel", state="error", state_reason="Kestrel fell")
    tasks(theirs, timedelta(hours=1), "failed", "running", title="Kestrel's", cost_micros=10**9)
    CredentialFactory(workspace=theirs.workspace, name="Kestrel key", expires_at=timezone.now())


def test_home_counts_and_lists_what_runs(client, mine, owl):
    elsewhere()
    tasks(owl, timedelta(minutes=3), "running", "queued", "queued", title="Night <b>watch")

    response = get(client, mine)

    assert "1 running, 2 waiting" in tile(response, "Running now").text
    assert rows(response, "Running now") == ["Night <b>watch"]
    assert "Kestrel" not in response.text


def test_home_counts_what_waits_while_nothing_runs(client, mine, owl):
    elsewhere()
    tasks(owl, timedelta(minutes=3), *["queued"] * 7)

    response = get(client, mine)

    assert "0 running, 7 waiting" in tile(response, "Running now").text
    assert rows(response, "Running now") == []


def test_home_lists_what_runs_before_newer_ones_that_wait(client, mine, owl):
    tasks(owl, timedelta(minutes=9), "running", title="Night watch")
    tasks(owl, timedelta(minutes=3), *["queued"] * 7)

    response = get(client, mine)

    assert "1 running, 7 waiting" in tile(response, "Running now").text
    assert rows(response, "Running now") == ["Night watch"]


def test_home_lists_what_failed_within_a_day(client, mine, owl):
    elsewhere()
    tasks(owl, timedelta(hours=25), "failed", title="Too old")
    tasks(owl, timedelta(hours=2), "failed", "timed_out", "cancelled", title="Late")
    tasks(owl, timedelta(hours=1), *["failed"] * 5, title="Later", state_reason="Out of <tokens>")

    response = get(client, mine)

    assert tile(response, "Failed, 24 hours").one("p", class_="tile-number").text == (
        "7 failed or timed out"
    )
    assert rows(response, "Failed, 24 hours") == ["Later"] * 5
    shown = tile(response, "Failed, 24 hours")
    assert "Out of <tokens>" in shown.text
    (all_of_them,) = [a["href"] for a in shown.all("a") if a.text == "All of them"]
    yesterday = timezone.localdate() - timedelta(days=1)
    assert all_of_them.endswith(f"/history/?state=failed&state=timed_out&from={yesterday}")
    listed = client.get(all_of_them)
    assert listed.status_code == 200
    for title in ("Late", "Later"):
        assert [a for a in page(listed).all("a") if a.text.endswith(f" {title}")]
    assert "Kestrel" not in response.text


def needing(mine):
    now = timezone.now()
    broken = {"state": "error", "state_reason": "Its credential was refused"}
    AgentFactory(workspace=mine.workspace, name="Merlin", **broken)
    for name, days in {"Past": -1, "Soon": 2, "Later": 60}.items():
        CredentialFactory(
            workspace=mine.workspace, name=name, expires_at=now + timedelta(days=days)
        )
    CredentialFactory(workspace=mine.workspace, name="Revoked", expires_at=now, revoked_at=now)
    CredentialFactory(workspace=mine.workspace, name="For ever")


def test_home_lists_what_needs_somebody(client, mine):
    elsewhere()
    needing(mine)

    response = get(client, mine)

    assert rows(response, "Needs somebody") == ["Merlin", "Past", "Soon"]
    shown = tile(response, "Needs somebody").text
    assert "Its credential was refused" in shown
    assert "expired" in shown
    assert "Kestrel" not in response.text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_what_an_agent_asks_first_needs_somebody(client, mine, owl, role):
    theirs = AgentFactory(name="Kestrel")
    for agent in (owl, theirs):
        (task,) = tasks(agent, timedelta(minutes=3), "waiting")
        made = {"workspace": agent.workspace, "task": task}
        pending = ApprovalFactory(**made)
        ApprovalFactory(**made, state="allowed", tool="write_file")
        if agent == owl:
            own, waits = pending, task
    person = MembershipFactory(workspace=mine.workspace, role=role)
    client.force_login(person.user)

    shown = tile(get(client, person), "Needs somebody")

    (link,) = shown.all("a", class_="row-link")
    page_of = ("approval-decide", own) if role == Role.OPERATOR else ("task-detail", waits)
    args = [mine.workspace.slug, page_of[1].pk]
    assert (link.text, link["href"]) == ("Owl", reverse(f"fleet:{page_of[0]}", args=args))
    assert "before it uses run_shell" in shown.text
    assert "Kestrel" not in shown.text


def test_a_viewer_reads_no_credentials_name_on_home(client, mine):
    needing(mine)
    viewer = MembershipFactory(workspace=mine.workspace, role=Role.VIEWER)
    client.force_login(viewer.user)

    response = get(client, viewer)

    assert rows(response, "Needs somebody") == ["Merlin"]
    assert "Soon" not in response.text


def test_an_auditor_sees_nothing_of_the_fleet(client, mine, owl):
    tasks(owl, timedelta(hours=1), "failed", "running", title="Night watch")
    needing(mine)
    auditor = MembershipFactory(workspace=mine.workspace, role=Role.AUDITOR)
    client.force_login(auditor.user)

    response = get(client, auditor)

    assert page(response).one("main").all("section") == []
    for word in ("Night watch", "Merlin", "Soon", "Owl"):
        assert word not in response.text


# First steps


def step_links(response):
    found = page(response).one("ol", class_="steps").all("li")
    return {one.text: [a["href"] for a in one.all("a")] for one in found}


def test_first_steps_lead_an_owner_on_until_all_are_done(client, db):
    owner = MembershipFactory(role=Role.OWNER)
    client.force_login(owner.user)
    elsewhere()

    def way(name):
        return [reverse(f"fleet:{name}", args=[owner.workspace.slug])]

    assert step_links(get(client, owner)) == {
        "Create a project": way("project-create"),
        "Store a model's key": way("credential-create"),
        "Write a prompt": way("prompt-create"),
        "Create an agent": way("agent-create"),
        "Give it a first task": [],
        "Done: Invite a second member": [],
    }
    ProjectFactory(workspace=owner.workspace, archived_at=timezone.now())
    assert "Create a project" in step_links(get(client, owner))
    project = ProjectFactory(workspace=owner.workspace)
    CredentialFactory(workspace=owner.workspace)
    PromptFactory(workspace=owner.workspace)
    assert list(step_links(get(client, owner)))[:4] == [
        "Done: Create a project",
        "Done: Store a model's key",
        "Done: Write a prompt",
        "Create an agent",
    ]
    agent = AgentFactory(workspace=owner.workspace, project=project)
    first_task = reverse("fleet:task-create", args=[owner.workspace.slug, agent.pk])
    assert step_links(get(client, owner))["Give it a first task"] == [first_task]
    tasks(agent, timedelta(), "queued")
    assert page(get(client, owner)).all("ol", class_="steps") == []


def test_first_steps_say_who_may_do_what_one_may_not(client, mine):
    found = step_links(get(client, mine))
    assert found["Store a model's key (an owner or an admin can)"] == []
    assert found["Write a prompt"] != []

    viewer = MembershipFactory(workspace=mine.workspace, role=Role.VIEWER)
    client.force_login(viewer.user)
    found = step_links(get(client, viewer))
    assert found["Create an agent (an owner, an admin or an operator can)"] == []
    assert not any(found.values())


# Limits


def test_a_running_task_is_metered_against_its_agents_limits(client, mine):
    owl = AgentFactory(workspace=mine.workspace, max_tokens=50_000, wall_seconds=600)
    (task,) = tasks(
        owl,
        timedelta(minutes=9),
        "running",
        started_at=timezone.now() - timedelta(minutes=9, seconds=1),
        input_tokens=10_000,
        output_tokens=2_500,
    )

    tokens, time = meters_of(task)
    shown = tile(get(client, mine), "Running now")

    assert (tokens.words, tokens.percent, tokens.is_close) == ("12,500 of 50,000 tokens", 25, False)
    assert (time.words, time.percent, time.is_close) == ("9 min of 10 min", 90, True)
    assert [meter["value"] for meter in shown.all("meter")] == ["25", "90"]
    assert shown.text.count("close to its limit") == 1


@pytest.mark.parametrize(("used", "percent"), [(0, 0), (39_999, 79), (40_000, 80), (10**12, 100)])
def test_a_meter_warns_from_eighty_percent_and_never_runs_over(mine, used, percent):
    owl = AgentFactory(workspace=mine.workspace, max_tokens=50_000)
    (task,) = tasks(owl, timedelta(), "running", input_tokens=used)

    (tokens,) = meters_of(task)

    assert tokens.percent == percent
    assert tokens.is_close is (percent >= 80)


def test_a_task_of_an_earlier_revision_has_no_meter(mine):
    owl = AgentFactory(workspace=mine.workspace, revision=2)
    (task,) = tasks(owl, timedelta(), "running", agent_revision=1)

    assert meters_of(task) == []


# Tasks and spend by day


def in_scope(membership):
    return workspace_scope(membership.workspace_id)


def test_activity_sums_each_day(mine, owl):
    elsewhere()
    tasks(owl, timedelta(days=40), "succeeded", cost_micros=99_000_000)
    tasks(owl, timedelta(days=10), "succeeded", "failed", cost_micros=1_250_000)
    tasks(owl, timedelta(days=2), "succeeded", "timed_out", "cancelled", cost_micros=500_000)
    tasks(owl, timedelta(), "queued")

    with in_scope(mine):
        found = activity()

    assert [str(found.recent_spend), str(found.spend)] == ["1.50", "4.00"]
    assert (found.recent_tasks, found.tasks) == (4, 6)
    assert len(found.bars) == 30
    assert found.bars[-1].day == timezone.localdate()
    days = {(timezone.localdate() - bar.day).days: bar for bar in found.bars}
    assert {ago: (bar.tasks, bar.failed) for ago, bar in days.items() if bar.tasks} == {
        10: (2, 1),
        2: (3, 1),
        0: (1, 0),
    }
    assert days[2].task_height == days[10].spend_height == HEIGHT
    assert days[0].task_y == HEIGHT - HEIGHT // 3
    assert days[0].spend_height == 0
    assert [bar.is_recent for bar in found.bars] == [False] * 23 + [True] * 7


def test_no_activity_is_no_tile(client, mine, owl):
    elsewhere()
    tasks(owl, timedelta(days=40), "succeeded")

    titles = [one["aria-label"] for one in page(get(client, mine)).all("section")]

    assert "Tasks and spend" not in titles


def test_activity_is_drawn_without_styles_and_told_in_a_table(client, mine, owl):
    tasks(owl, timedelta(days=3), "succeeded", "failed", cost_micros=1_234_567)

    response = get(client, mine)

    shown = tile(response, "Tasks and spend")
    drawn = shown.all("svg")
    assert [one["role"] for one in drawn] == ["img", "img"]
    assert all(one["aria-label"] for one in drawn)
    assert [len(one.all("rect")) for one in drawn] == [2, 1]
    assert all(rect["height"].isdecimal() for rect in shown.all("rect"))
    assert not [one for one in shown.all() if one.get("style")]
    table = shown.one("tbody").all("tr")
    assert len(table) == 30
    assert [cell.text for cell in table[3].all("td")] == ["2", "1", "$2.47"]


def test_home_takes_as_many_statements_for_little_as_for_much(client, mine, owl):
    owner = MembershipFactory(workspace=mine.workspace, role=Role.OWNER)
    client.force_login(owner.user)  # whose home has all of the tiles
    counts = []
    for _ in range(2):
        for days in range(12):
            tasks(owl, timedelta(days=days), "succeeded", "failed", "running", "queued")
        needing_more(mine)
        get(client, owner)
        with CaptureQueriesContext(connection) as queries:
            get(client, owner)
        counts.append(len(statements(queries)))

    assert counts[0] == counts[1] <= MOST_STATEMENTS - SAVEPOINT


def needing_more(mine):
    for _ in range(8):
        AgentFactory(workspace=mine.workspace, state="error")
        CredentialFactory(workspace=mine.workspace, expires_at=timezone.now())
