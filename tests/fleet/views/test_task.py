"""A task's page, and its events as a file."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Event, Task
from agenhood.fleet.task_page import EVENTS_ON_A_PAGE
from tests.factories import ApprovalFactory, ArtifactFactory, MembershipFactory, TaskFactory
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope

Kind = Event.Kind


@pytest.fixture
def operator(db, client):
    operator = MembershipFactory(role=Role.OPERATOR)
    client.force_login(operator.user)
    return operator


def said(task, count, kind=Kind.MESSAGE):
    with workspace_scope(task.workspace_id):
        history.append_events(task, [NewEvent(kind, f"line {n}.") for n in range(count)])


def get(client, task, query="", name="task-detail", **headers):
    address = reverse(f"fleet:{name}", args=[task.workspace.slug, task.pk])
    return client.get(address + query, headers=headers)


def numbers(response):
    return [shown.event.number for shown in response.context["page"].events]


def test_a_task_that_goes_on_shows_its_last_events_and_streams(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="running")
    said(task, EVENTS_ON_A_PAGE + 5)

    response = get(client, task)

    assert numbers(response) == list(range(6, EVENTS_ON_A_PAGE + 6))
    assert f"stream/?task={task.pk}" in response.text
    assert f'data-last="{EVENTS_ON_A_PAGE + 5}"' in response.text
    assert "Look again" in response.text
    earlier = get(client, task, "?before=6")
    assert numbers(earlier) == [1, 2, 3, 4, 5]
    assert "data-stream" not in earlier.text


def test_a_task_that_has_ended_is_read_from_its_start(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="succeeded", output="Three.")
    said(task, EVENTS_ON_A_PAGE + 5)

    response = get(client, task)

    assert numbers(response) == list(range(1, EVENTS_ON_A_PAGE + 1))
    assert "data-stream" not in response.text
    assert "Three." in response.text
    last = get(client, task, f"?after={EVENTS_ON_A_PAGE}")
    assert numbers(last) == list(range(EVENTS_ON_A_PAGE + 1, EVENTS_ON_A_PAGE + 6))
    end = get(client, task, f"?before={EVENTS_ON_A_PAGE + 6}")
    assert numbers(end)[-1] == EVENTS_ON_A_PAGE + 5
    assert end.context["page"].later is None


def test_a_kind_of_events_alone(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="running")
    said(task, 2)
    said(task, 1, Kind.ERROR)

    response = get(client, task, "?kind=errors")

    assert numbers(response) == [3]
    assert 'data-kinds="error"' in response.text


@pytest.mark.parametrize("query", ["?after=x", "?before=-1", "?after=²", "?before=99999999999"])
def test_a_place_that_is_none(client, operator, query):
    task = TaskFactory(workspace=operator.workspace)

    assert get(client, task, query).status_code == 400


def test_how_a_queued_task_stands(client, operator):
    first = TaskFactory(workspace=operator.workspace)
    task = TaskFactory(workspace=operator.workspace)
    assert "Queued, place 2" in get(client, task).text

    with workspace_scope(operator.workspace_id):
        history.finish_task(first, state=Task.State.CANCELLED)

    assert "Queued, place 1" in get(client, task).text


@pytest.mark.parametrize(
    ("fields", "shown", "hidden"),
    [
        ({"state": "queued"}, ["Cancel</button>"], ["Force stop", "Retry"]),
        ({"state": "running"}, ["Cancel</button>"], ["Force stop", "Retry"]),
        (
            {"state": "running", "cancel_requested_at": "2026-01-01T00:00Z"},
            ["Cancelling", "Force stop</button>"],
            ["Cancel</button>", "Retry"],
        ),
        ({"state": "failed", "state_reason": "Dark."}, ["Retry</button>", "Dark."], ["Cancel<"]),
    ],
)
def test_what_can_be_done(client, operator, fields, shown, hidden):
    task = TaskFactory(workspace=operator.workspace, **fields)

    text = get(client, task).text

    assert [words for words in shown if words not in text] == []
    assert [words for words in hidden if words in text] == []


def test_who_may_not_is_offered_nothing(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="waiting")
    ApprovalFactory(workspace=operator.workspace, task=task)
    assert "Allow</button>" in get(client, task).text
    suspend(operator.workspace, "")
    for user in (operator.user, MembershipFactory(workspace=operator.workspace).user):
        client.force_login(user)

        text = get(client, task).text

        assert "run_shell" in text
        assert "Allow</button>" not in text
        assert "Cancel</button>" not in text
        assert "data-stream" not in text  # it would be refused


def test_what_would_run_is_shown_as_it_is(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="waiting")
    ApprovalFactory(
        workspace=operator.workspace, task=task, tool="run\x1b[2K", arguments={"c": "rm \u202e<b>"}
    )

    text = get(client, task).text

    assert "rm ⟨U+202E⟩&lt;b&gt;" in text
    assert "<code>run</code>" in text


def test_parts_are_asked_for_anew(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="running")
    ArtifactFactory(workspace=operator.workspace, task=task, path="out/report.md")
    ApprovalFactory(workspace=operator.workspace, task=task)
    page = {"HX-Request": "true"}
    for part, words in [("head", "Running"), ("approvals", "run_shell"), ("files", "report.md")]:
        response = get(client, task, f"?part={part}", **page)

        assert words in response.text
        assert "<html" not in response.text
    assert "<html" in get(client, task, "?part=base", **page).text


def test_an_events_markup_is_escaped_and_painted(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="running")
    with workspace_scope(operator.workspace_id):
        data = {"stream": "<i>err</i>", "path": "<u>"}
        history.append_events(task, [NewEvent(Kind.OUTPUT, "\x1b[31m<b>red</b>", data)])

    text = get(client, task).text

    assert '<span class="ansi-red">&lt;b&gt;red&lt;/b&gt;</span>' in text
    assert "&lt;i&gt;err&lt;/i&gt;" in text
    assert "<i>err" not in text
    assert "<u>" not in text


def test_the_number_of_statements_does_not_grow(client, operator):
    counts = []
    for much in (1, 20):
        task = TaskFactory(workspace=operator.workspace, state="running")
        said(task, much * 7)
        for number in range(much):
            ArtifactFactory(workspace=operator.workspace, task=task, path=f"{number}.txt")
            ApprovalFactory(workspace=operator.workspace, task=task)
        get(client, task)  # the session notes where one was
        with CaptureQueriesContext(connection) as queries:
            get(client, task)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_all_events_as_a_file(client, operator):
    task = TaskFactory(workspace=operator.workspace, state="running")
    with workspace_scope(operator.workspace_id):
        events = [NewEvent(Kind.OUTPUT, f"\x1b[31m{n}\n</b>", {"stream": "x"}) for n in range(120)]
        history.append_events(task, events)

    response = get(client, task, name="task-download")

    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, 121))
    assert lines[0]["text"] == "\x1b[31m0\n</b>"
    assert lines[0]["data"] == {"stream": "x"}
    assert response["Content-Disposition"] == 'attachment; filename="task-1.ndjson"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
