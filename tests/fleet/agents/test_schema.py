"""The schema of an agent's answers, and limits that a revision may be too old for."""

import json

import pytest

from agenhood.fleet import configuration
from agenhood.fleet.actions import agent as actions
from tests.fleet.agents.conftest import url
from tests.pages import page
from workspaces.scope import workspace_scope

SCHEMA = {"type": "object", "properties": {"birds": {"type": "integer"}}, "required": ["birds"]}


def test_a_schema_is_kept_shown_and_typed_over(client, mine, parts):
    typed = json.dumps(SCHEMA)
    client.post(url("create", mine), parts.form(output_schema=typed))
    merlin = parts.stored()

    assert merlin.output_schema == SCHEMA
    shown = page(client.get(url("configuration", mine, merlin)))
    assert "Schema of answers" in shown.text
    again = page(client.get(url("edit", mine, merlin))).one("textarea", name="output_schema")
    assert json.loads(again.text) == SCHEMA
    client.post(url("edit", mine, merlin), parts.form(output_schema=" ", revision="1"))
    assert parts.stored().output_schema is None


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("{", "This is no JSON"),
        ("[]", "A schema is a JSON object"),
        ('{"type": "string"}', "A schema is a JSON object"),
        ('{"type": "object", "properties": []}', "no JSON Schema: at properties"),
        ('{"type": "object", "required": "all"}', "no JSON Schema: at required"),
        ('{"type": "object", "properties": {"a": {"type": "bird"}}}', "at properties/a/type"),
        ('{"type": "object", "maximum": NaN}', "NaN is no number"),
        ('{"type": "object", "maximum": 1e999}', "than is taken"),
        ('{"type": "object", "title": "\\u0000"}', "Null characters"),
        ('{"type": "object", "title": "\\ud800"}', "Null characters"),
        ('{"type": "object", "title": "' + "x" * 20_000 + '"}', "at most 20,000"),
        ('{"a":' * 2000 + "1" + "}" * 2000, "This is no JSON"),
    ],
)
def test_what_is_no_schema_is_refused_at_its_field(client, mine, parts, typed, message):
    response = client.post(url("create", mine), parts.form(output_schema=typed))

    assert response.status_code == 422
    (error,) = [e.text for e in page(response).all("ul", class_="errorlist")]
    assert message in error
    assert page(response).one("textarea", name="output_schema").text.strip() == typed.strip()


def test_a_command_has_no_schema(client, mine, parts):
    sent = parts.form(driver="command", command="true", output_schema="{")

    assert client.post(url("create", mine), sent).status_code == 302
    assert parts.stored().output_schema is None


def test_a_revision_from_before_a_limit_was_there_is_restored_with_its_default(client, mine, parts):
    client.post(url("create", mine), parts.form(max_cost_cents="700", max_attempts="5"))
    merlin = parts.stored()
    with workspace_scope(mine.workspace_id):
        old = configuration.of_agent(merlin)
        for name in ("max_cost_cents", "max_attempts", "output_schema"):
            del old[name]
        merlin.revisions.create(number=9, configuration=old, created_by=mine.user)
        actions.restore_revision(merlin, 9, by=mine.user)

    again = parts.stored()
    assert (again.max_cost_cents, again.max_attempts, again.output_schema) == (500, 2, None)


def test_limits_of_spend_and_attempts_are_shown_and_kept_within_bounds(client, mine, parts):
    client.post(url("create", mine), parts.form(max_cost_cents="250", max_attempts="3"))
    limits = {name: getattr(parts.stored(), name) for name in configuration.LIMITS}

    assert {"Spend": "$2.50", "Attempts": "3"}.items() <= {
        line.label: line.text for line in configuration.limit_lines(limits)
    }.items()
    for wrong in ({"max_cost_cents": "0"}, {"max_attempts": "6"}):
        response = client.post(url("create", mine), parts.form(name="Other", **wrong))
        assert response.status_code == 422
