"""Variables: found, filled in, never run; and the text that an agent works by."""

import pytest

from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.models import Agent
from agenhood.fleet.prompt_text import filled, render_prompt, text_for, variables
from tests.factories import AgentFactory
from tests.fleet.prompts.conftest import TEXTS, label
from workspaces.scope import workspace_scope


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("{{a}} {{ b }} {{a}}", ["a", "b"]),
        ("{{_x1}}{{y}}", ["_x1", "y"]),
        ("{a} {{1a}} {{a-b}} {{a.b}} {{a|upper}} {{}} {{ }}", []),
        ("{{a\n}}", []),
        ("{{{a}}}", ["a"]),
        ("{% if a %}{{ä}}", []),
        ("{{" + "x" * 61 + "}}", []),
    ],
)
def test_variables_are_found_in_their_order_each_once(text, expected):
    assert variables(text) == expected


def test_values_are_put_in_and_unknown_ones_stay():
    assert render_prompt("Hi {{a}}, {{ b }}!", {"a": "Ann", "c": "no"}) == "Hi Ann, {{ b }}!"


@pytest.mark.parametrize(
    "value",
    [
        "{{b}}",
        "{{a}}",
        "\\1",
        r"\g<0>",
        "{0}",
        "%s",
        "{% debug %}",
        "<b>",
        "${b}",
        "__import__('os')",
    ],
)
def test_a_value_is_never_looked_into(value):
    assert render_prompt("{{a}} {{b}}", {"a": value, "b": "B"}) == f"{value} B"


def test_what_was_filled_in_is_told_from_the_rest():
    assert filled("Hi {{a}}{{b}}.", {"a": "Ann"}) == [
        ("Hi ", ""),
        ("Ann", "a"),
        ("{{b}}", "b"),
        (".", ""),
    ]


def test_an_agent_works_by_its_labels_version_now_or_by_a_fixed_one(mine, triage):
    with workspace_scope(mine.workspace_id):
        fixed = triage.versions.get(number=2)
    of = {"workspace": mine.workspace, "prompt": triage}
    by_label = AgentFactory(**of, prompt_label=label(triage, "production"))
    by_version = AgentFactory(**of, prompt_version=fixed)
    without = AgentFactory(workspace=mine.workspace)

    def now(agent):
        return text_for(Agent.objects.get(pk=agent.pk))

    with workspace_scope(mine.workspace_id):
        assert [now(by_label), now(by_version), now(without)] == [TEXTS[0], TEXTS[1], ""]
        actions.move_label(triage, name="production", number=3)
        assert [now(by_label), now(by_version)] == [TEXTS[2], TEXTS[1]]
