"""A task with a model from the queue to its stored answer, in the real sandbox: it waits for a
person, goes on, and is remembered; what is secret is stored nowhere."""

import json

import pytest

from agenhood.fleet import queue
from agenhood.fleet.actions import approval as approvals
from agenhood.fleet.actions import credential as credentials
from agenhood.fleet.actions import history
from agenhood.fleet.models import Approval, CredentialGrant, Event, ModelPrice, Task, Transcript
from tests.factories import AgentFactory, MembershipFactory
from tests.runtime.llm.model_server import ModelServer, Says, Wants
from tests.workers.run import work_off
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import workspace_scope

KEY, GRANTED = "key-of-the-provider-0123456789", "token-of-the-tools-0123456789"


@pytest.fixture
def member(committed_db: None) -> Membership:
    return MembershipFactory(role=Role.OWNER)


@pytest.fixture
def thread(member: Membership, server: ModelServer) -> history.Conversation:
    agent = AgentFactory(
        workspace=member.workspace,
        driver="llm",
        model="some-model",
        tools=[{"name": "run_shell", "ask_first": True}],
    )
    stored = {"expires_at": None, "by": member.user}
    with workspace_scope(member.workspace_id, user_id=member.user_id):
        agent.provider_credential = credentials.create(
            name="Models",
            kind="openai",
            fields={"base_url": f"{server.address}/v1"},
            secret=KEY.encode(),
            **stored,
        )
        agent.save()
        token = credentials.create(
            name="Tools", kind="token", fields={}, secret=GRANTED.encode(), **stored
        )
        CredentialGrant.objects.create(agent=agent, credential=token, variable="TOKEN")
        ModelPrice.objects.create(
            model="some-model", input_micros=1_000_000, output_micros=10_000_000
        )
        return history.start_conversation(agent=agent, title="Birds", by=member.user)


def ask(member: Membership, thread: history.Conversation, text: str) -> Task:
    with workspace_scope(member.workspace_id, user_id=member.user_id):
        task = history.add_task(thread, text=text, by=member.user)
        queue.enqueue(task)
    work_off()
    with workspace_scope(member.workspace_id, user_id=member.user_id):
        return Task.objects.get(pk=task.pk)


def test_it_waits_goes_on_and_is_remembered(
    member: Membership, thread: history.Conversation, server: ModelServer
) -> None:
    server.turns = [
        Says(
            "I would like to look.",
            [Wants("run_shell", {"command": 'echo "found $TOKEN"; echo 3 > out/birds'}, "look")],
            usage=(1000, 100),
        )
    ]

    waiting = ask(member, thread, "Count the birds.")

    assert waiting.state == Task.State.WAITING, waiting.state_reason
    server.turns = [Says(f"Three, and the token is {GRANTED}.", usage=(2000, 100))]
    with workspace_scope(member.workspace_id, user_id=member.user_id):
        approval = Approval.objects.get(task=waiting)
        assert (approval.call, approval.tool) == ("look", "run_shell")
        approvals.decide(approval, allow=True, by=member.user)
    work_off()

    with workspace_scope(member.workspace_id, user_id=member.user_id):
        done = Task.objects.get(pk=waiting.pk)
        assert done.state == Task.State.SUCCEEDED, done.state_reason
        assert done.output == "Three, and the token is [secret]."
        assert (done.input_tokens, done.output_tokens, done.cost_micros) == (3000, 200, 5000)
        events = list(Event.objects.filter(task=done).order_by("number"))
        stored = json.dumps(
            [
                [[event.text, event.data] for event in events],
                [transcript.messages for transcript in Transcript.objects.all()],
                done.output,
            ]
        )
    assert f"found {GRANTED}" in json.dumps(server.requests[1].body)  # so it was there to be found
    assert "found [secret]" in stored
    assert GRANTED not in stored
    assert KEY not in stored
    kinds = [event.kind for event in events]
    assert kinds.index("tool_call") < kinds.index("output") < kinds.index("tool_result")

    server.turns = [Says("Still three.")]
    second = ask(member, thread, "And now?")

    assert (second.state, second.output) == (Task.State.SUCCEEDED, "Still three.")
    assert "Count the birds." in json.dumps(server.requests[-1].body)


def test_a_failing_provider_uses_up_the_agent_s_attempts(
    member: Membership, thread: history.Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace_scope(member.workspace_id, user_id=member.user_id):
        credential = thread.agent.provider_credential
        credential.fields = {"base_url": "http://127.0.0.1:9/v1"}
        credential.save()
        thread.agent.max_attempts = 1
        thread.agent.save()
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.WAITING_SECONDS", 0.0)

    failed = ask(member, thread, "Count the birds.")

    assert (failed.state, failed.attempt) == (Task.State.FAILED, 1)
    assert failed.state_reason == "The provider could not be reached."
    assert "127.0.0.1" not in failed.state_reason
