"""The pages of prompts, as each role finds them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.models import Agent, Prompt
from tests.factories import AgentFactory, MembershipFactory, PromptFactory
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
from tests.pages import error_at, page
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope

FRAGMENT = {"HX-Request": "true"}
HOSTILE = "</pre><script>alert(1)</script>&amp;"


def listed(response):
    return [link.text for link in page(response).all("a", class_="row-link")]


def row_of(response, name):
    rows = page(response).one("tbody").all("tr")
    (row,) = (row for row in rows if name in row.text)
    return [cell.text for cell in row.all("td")]


def sign_in(client, mine, role):
    other = MembershipFactory(workspace=mine.workspace, role=role)
    client.force_login(other.user)
    return other


# The list


def test_the_list_tells_labels_versions_and_agents(client, mine, triage):
    of = {"workspace": mine.workspace, "prompt": triage}
    AgentFactory(**of, prompt_label=label(triage, "production"))
    AgentFactory(**of, state="archived")
    make_prompt(MembershipFactory(role=Role.OPERATOR), name="Elsewhere")

    response = client.get(url("list", mine))

    assert listed(response) == ["Triage"]
    assert row_of(response, "Triage") == ["Triage", "production v1 draft v3", "3", "1 agent"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("tri", ["Triage"]), ("SORTS mail", ["Post"]), ("%", []), ("\0", ["Post", "Triage"])],
)
def test_the_list_is_searched_by_name_and_description(client, mine, triage, query, expected):
    PromptFactory(workspace=mine.workspace, name="Post", description="Sorts the mail")

    assert listed(client.get(url("list", mine), {"q": query})) == expected


def test_the_list_separates_active_from_archived(client, mine, triage):
    make_prompt(mine, name="Old")
    with workspace_scope(mine.workspace_id):
        old = Prompt.objects.get(name="Old")
    client.post(url("archive", mine, old))

    assert listed(client.get(url("list", mine))) == ["Triage"]
    assert listed(client.get(url("list", mine, query="?state=archived"))) == ["Old"]


def test_an_empty_list_offers_texts_to_begin_with_to_those_who_may_write(client, mine):
    shown = page(client.get(url("list", mine)))
    starters = [link["href"] for link in shown.all("a", class_="starter")]
    assert len(starters) > 2
    begun = page(client.get(starters[0]))
    assert begun.one(id="id_name")["value"] in shown.text
    assert "{{" in begun.one("textarea", id="id_text").text

    sign_in(client, mine, Role.VIEWER)
    shown = page(client.get(url("list", mine)))
    assert shown.all("a", class_="starter") == []
    assert "An owner, an admin or an operator can" in shown.text


def test_the_list_is_paged_and_costs_no_more_for_more_rows(client, mine):
    client.get(url("list", mine))
    costs = []
    for number in range(30):
        make_prompt(mine, name=f"Prompt {number:02}", texts=["One."])
        if number in (2, 29):
            with CaptureQueriesContext(connection) as queries:
                response = client.get(url("list", mine))
            costs.append(len(queries))
    older = page(response).one("a", rel="next")

    assert costs[0] == costs[1]
    assert len(listed(response)) == 25
    assert listed(client.get(url("list", mine) + older["href"])) == [
        f"Prompt {number}" for number in range(25, 30)
    ]


def statements(queries):
    own = ("SAVEPOINT", "RELEASE", "SELECT set_config")
    return [query["sql"] for query in queries if not query["sql"].startswith(own)]


@pytest.mark.parametrize(
    "address",
    ["list", "detail", "version-list", "version-diff", "version-create", "edit", "delete"],
)
def test_no_page_asks_more_than_twelve_statements(client, mine, address):
    for number in range(3):
        prompt = make_prompt(mine, f"Prompt {number}", [f"Text {n}." for n in range(15)])
        for name in ("canary", "customer"):
            with workspace_scope(mine.workspace_id):
                actions.move_label(prompt, name=name, number=2)
    for _number in range(30):
        AgentFactory(
            workspace=mine.workspace, prompt=prompt, prompt_label=label(prompt, "production")
        )
    path = url(address, mine) if address == "list" else url(address, mine, prompt)
    client.get(path)

    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200

    asked = statements(queries)
    assert len(asked) <= 12, "\n".join(asked)


# One prompt


def test_a_prompt_shows_productions_text_unless_a_version_is_asked_for(client, mine, triage):
    shown = page(client.get(url("detail", mine, triage)))
    assert shown.one("pre").text == TEXTS[0]
    assert "Promote" not in shown.text

    shown = page(client.get(url("detail", mine, triage, query="?version=3")))
    assert shown.one("pre").text == " ".join(TEXTS[2].split())
    assert "Promote v3 to production" in shown.text


@pytest.mark.parametrize("version", ["4", "0", "-1", "x", "9" * 30, "1e3", "²", "\0"])
def test_a_version_that_is_none_is_not_found(client, mine, triage, version):
    assert client.get(url("detail", mine, triage), {"version": version}).status_code == 404


def test_a_prompt_names_the_agents_that_work_by_it(client, mine, triage):
    of = {"workspace": mine.workspace, "prompt": triage}
    with workspace_scope(mine.workspace_id):
        second = triage.versions.get(number=2)
    AgentFactory(**of, name="Owl", prompt_label=label(triage, "production"))
    AgentFactory(**of, name="Kite", prompt_version=second)
    AgentFactory(**of, name="Gone", state="archived")
    other = make_prompt(mine, name="Other")
    AgentFactory(workspace=mine.workspace, name="Heron", prompt=other)

    shown = page(client.get(url("detail", mine, triage)))

    (used,) = (s for s in shown.all("section") if s.get("aria-labelledby") == "agents")
    assert [item.text for item in used.all("li")] == [
        f"Kite {_project(mine, 'Kite')} always v2 Running",
        f"Owl {_project(mine, 'Owl')} production, now v1 Running",
    ]
    assert "1 archived agent names it too." in used.text


def _project(mine, agent):
    with workspace_scope(mine.workspace_id):
        return Agent.objects.select_related("project").get(name=agent).project.name


def test_markup_in_names_and_texts_stays_text(client, mine):
    prompt = make_prompt(mine, "<b>bold</b>", [HOSTILE, HOSTILE + "\n<i>"])
    AgentFactory(workspace=mine.workspace, prompt=prompt, name="<u>Owl</u>")
    with workspace_scope(mine.workspace_id):
        actions.move_label(prompt, name="canary", number=1)
    paths = [
        url("list", mine),
        url("detail", mine, prompt),
        url("version-list", mine, prompt),
        url("version-diff", mine, prompt),
        url("version-diff", mine, prompt, query="?view=unified"),
        url("version-create", mine, prompt),
        url("delete", mine, prompt),
        url("label-remove", mine, prompt, label(prompt, "canary")),
    ]
    for path in paths:
        response = client.get(path)
        assert response.status_code == 200
        for markup in ("<script>alert", "<b>bold", "<u>Owl", "<i>"):
            assert markup not in response.text, path
    conflict = client.post(
        url("version-create", mine, prompt), {"text": HOSTILE + "3", "base": "1"}
    )
    assert conflict.status_code == 409
    assert "<script>alert" not in conflict.text


def test_characters_that_do_not_show_are_shown_and_counted(client, mine):
    prompt = make_prompt(mine, texts=["Be kind.\u202e\u200b"])

    shown = page(client.get(url("detail", mine, prompt)))

    assert shown.one("pre").text == "Be kind.⟨U+202E⟩⟨U+200B⟩"
    assert "2 characters of this text do not show" in shown.text


# Who may


@pytest.mark.parametrize(
    ("role", "status"), [(Role.VIEWER, 200), (Role.OPERATOR, 200), (Role.AUDITOR, 403)]
)
def test_who_may_read(client, mine, triage, role, status):
    sign_in(client, mine, role)
    assert client.get(url("detail", mine, triage)).status_code == status


def test_readers_are_offered_no_change(client, mine, triage):
    sign_in(client, mine, Role.VIEWER)

    shown = page(client.get(url("detail", mine, triage, query="?version=3")))

    posts = {form["action"] for form in shown.all("form", method="post")} - {"/sign-in/out/"}
    assert posts == {url("version-preview", mine, triage, 3)}
    assert url("version-create", mine, triage) not in {a["href"] for a in shown.all("a")}


@pytest.mark.parametrize("address", ["detail", "list"])
def test_a_suspended_workspace_offers_no_change(client, mine, triage, address):
    suspend(mine.workspace, "unpaid bill")
    named = [] if address == "list" else [triage]

    shown = page(client.get(url(address, mine, *named)))

    targets = {e.get("href") or e.get("action") for e in shown.all("a") + shown.all("form")}
    for change in ("version-create", "edit", "archive", "delete", "label-move"):
        assert url(change, mine, triage) not in targets
    assert client.post(url("archive", mine, triage)).status_code == 403
    assert stored(triage).archived_at is None


# Writing


def test_a_new_prompt_has_a_version_and_both_labels(client, mine):
    response = client.post(
        url("create", mine),
        {"name": "Triage", "description": "Sorts", "text": "  Line\r\n\r\nother\r"},
    )

    with workspace_scope(mine.workspace_id):
        prompt = Prompt.objects.get()
    assert response.status_code == 302
    assert response["Location"] == url("detail", mine, prompt)
    assert texts(prompt) == ["  Line\n\nother\n"]
    assert labels(prompt) == {"production": 1, "draft": 1}
    assert [action for action, _changes in trail(prompt)] == ["prompt.create"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "This field is required."),
        ("name", "x" * 61, "at most 60 characters"),
        ("name", "Tri\0age", "Null characters are not allowed."),
        ("name", "TRIAGE", "already has a prompt of that name"),
        ("description", "x" * 201, "at most 200 characters"),
    ],
)
@pytest.mark.parametrize("headers", [{}, FRAGMENT])
def test_what_a_prompt_cannot_be(client, mine, triage, field, value, message, headers):
    sent = {"name": "Other", "description": "", "text": "Typed {{text}}."} | {field: value}

    response = client.post(url("create", mine), sent, headers=headers)

    assert response.status_code == 422
    assert message in error_at(response, field)
    assert page(response).one("textarea", id="id_text").text == "Typed {{text}}."
    with workspace_scope(mine.workspace_id):
        assert Prompt.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "This field is required."),
        (" \n\t ", "This field is required."),
        ("Be\0kind", "Null characters are not allowed."),
        ("x" * 100_001, "at most 100000 characters"),
    ],
)
def test_what_a_text_cannot_be(client, mine, triage, text, message):
    for path, sent in [
        (url("create", mine), {"name": "Other", "text": text}),
        (url("version-create", mine, triage), {"base": "3", "text": text}),
    ]:
        response = client.post(path, sent)

        assert response.status_code == 422
        field = page(response).one("textarea", id="id_text")
        assert field["aria-invalid"] == "true"
        assert message in page(response).one(id="id_text_error").text
    assert texts(triage) == TEXTS


def test_a_text_may_have_a_hundred_thousand_characters_however_its_lines_end(client, mine, triage):
    text = "x\r\n" * 50_000

    response = client.post(url("version-create", mine, triage), {"base": "3", "text": text})

    assert response.status_code == 302
    assert texts(triage)[3] == "x\n" * 50_000
    path = url("version-diff", mine, triage)
    assert client.get(path).status_code == 200
    assert client.get(url("detail", mine, triage, query="?version=4")).status_code == 200


def test_a_new_version_moves_draft_and_leaves_production(client, mine, triage):
    response = client.post(
        url("version-create", mine, triage), {"base": "3", "text": "New.", "note": "Shorter"}
    )

    assert response["Location"] == url("detail", mine, triage, query="?version=4")
    assert labels(triage) == {"production": 1, "draft": 4}
    assert trail(triage)[-1] == (
        "prompt.add_version",
        {"version": ["v3", "v4"], "draft": ["v3", "v4"], "note": ["", "Shorter"]},
    )


def test_the_editor_begins_with_the_newest_text_or_the_one_asked_for(client, mine, triage):
    def begun(query=""):
        shown = page(client.get(url("version-create", mine, triage, query=query)))
        return shown.one("textarea", id="id_text").text, shown.one(name="base")["value"]

    assert begun() == (" ".join(TEXTS[2].split()), "3")
    assert begun("?from=1") == (TEXTS[0], "3")
    assert client.get(url("version-create", mine, triage, query="?from=9")).status_code == 404


def test_the_newest_text_again_is_no_version(client, mine, triage):
    response = client.post(url("version-create", mine, triage), {"base": "3", "text": TEXTS[2]})

    assert response.status_code == 422
    assert "This is the text of v3 already." in page(response).one(id="id_text_error").text


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize("base", ["2", "0", ""])
def test_a_conflict_shows_both_texts_and_lets_save_on_top(client, mine, triage, base, headers):
    sent = {"base": base, "text": "Mine {{person}}.", "note": "My note"}

    response = client.post(url("version-create", mine, triage), sent, headers=headers)

    shown = page(response)
    assert response.status_code == 409
    assert "Somebody else saved v3 while you were typing" in shown.text
    assert shown.one("pre").text == " ".join(TEXTS[2].split())
    assert shown.one("textarea", id="id_text").text == "Mine {{person}}."
    assert shown.one("input", id="id_note")["value"] == "My note"
    assert [mark.text for mark in shown.one("table").all("td", class_="after")]
    assert texts(triage) == TEXTS

    again = {name: shown.one(name=name)["value"] for name in ("base", "note")}
    assert client.post(url("version-create", mine, triage), sent | again).status_code == 302
    assert texts(triage)[3] == "Mine {{person}}."


def test_a_base_that_is_no_number_is_refused_with_the_text_kept(client, mine, triage):
    for base in ("x", "-1", "9" * 40):
        response = client.post(url("version-create", mine, triage), {"base": base, "text": "Mine."})

        assert response.status_code == 422
        assert page(response).one("textarea", id="id_text").text == "Mine."


def test_details_are_changed_and_the_change_is_told(client, mine, triage):
    response = client.post(
        url("edit", mine, triage), {"name": "Sorting", "description": "By {{x}}"}
    )

    assert response.status_code == 302
    assert (stored(triage).name, stored(triage).description) == ("Sorting", "By {{x}}")
    assert trail(triage)[-1] == (
        "prompt.change",
        {"name": ["Triage", "Sorting"], "description": ["", "By {{x}}"]},
    )


def test_a_name_in_use_is_an_error_at_its_field(client, mine, triage):
    make_prompt(mine, name="Other")

    response = client.post(url("edit", mine, triage), {"name": "other"})

    assert response.status_code == 422
    assert "already has a prompt of that name" in error_at(response, "name")
    assert "Of Triage." in page(response).text
    assert stored(triage).name == "Triage"


# Comparing


def test_two_versions_are_compared_side_by_side_and_unified(client, mine, triage):
    polite = make_prompt(mine, "Polite", ["Be brief and kind.", "Be short and kind."])
    for view, table in [("side", "side-by-side"), ("unified", "unified")]:
        path = url("version-diff", mine, polite, query=f"?before=1&after=2&view={view}")
        shown = page(client.get(path)).one("table", class_=table)
        assert [word.text for word in shown.all("del")] == ["brief"]
        assert [word.text for word in shown.all("ins")] == ["short"]
        assert "Removed: Be brief and kind." in shown.text
        assert "Added: Be short and kind." in shown.text
    newest = page(client.get(url("version-diff", mine, triage)))
    assert newest.one("h2", id="differences").text == "v2 and v3"
    same = page(client.get(url("version-diff", mine, triage, query="?before=2&after=2")))
    assert "They say the same." in same.text


@pytest.mark.parametrize("query", ["?before=9", "?after=9", "?before=1&after=" + "9" * 9])
def test_a_comparison_with_no_such_version_is_not_found(client, mine, triage, query):
    assert client.get(url("version-diff", mine, triage, query=query)).status_code == 404


# The preview


def test_a_preview_fills_in_and_stores_nothing(client, mine, triage):
    path = url("version-preview", mine, triage, 3)
    before = len(trail(triage))

    response = client.post(path, {"value-person": "<b>Ann</b> {{person}}", "value-other": "x"})

    assert response.status_code == 200
    assert page(response).one("pre").text == (
        "Answer <b>Ann</b> {{person}} in three lines. Be kind."
    )
    assert page(response).one("mark").text == "<b>Ann</b> {{person}}"
    assert len(trail(triage)) == before
    assert texts(triage) == TEXTS


def test_a_preview_says_what_is_not_filled_in(client, mine, triage):
    response = client.post(url("version-preview", mine, triage, 3), headers=FRAGMENT)

    assert "<html" not in response.text
    assert "Not filled in: person." in page(response).text


def test_a_preview_that_would_be_too_long_says_so(client, mine):
    prompt = make_prompt(mine, texts=["{{a}}" * 1000])

    response = client.post(url("version-preview", mine, prompt, 1), {"value-a": "x" * 10_000})

    assert response.status_code == 200
    assert "longer than a page can show" in page(response).text
    assert len(response.content) < 100_000


@pytest.mark.parametrize("number", [0, 4, 10**30])
def test_a_preview_of_no_version_is_not_found(client, mine, triage, number):
    assert client.post(url("version-preview", mine, triage, number)).status_code == 404


def test_where_only_a_form_goes_a_person_finds_a_page(client, mine, triage):
    opened = client.get(url("archive", mine, triage), headers={"Accept": "text/html"})

    assert (opened.status_code, opened["Allow"]) == (405, "POST")
    assert "This address is no page" in page(opened).text
    for headers in (FRAGMENT, {"Accept": "application/json"}):
        assert client.get(url("archive", mine, triage), headers=headers).content == b""
