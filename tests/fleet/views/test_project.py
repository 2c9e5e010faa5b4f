import pytest
from django.db import InternalError, transaction
from django.urls import reverse

from agenhood.fleet.models import Project
from tests.factories import (
    AgentFactory,
    MembershipFactory,
    ProjectFactory,
    TaskFactory,
    WorkspaceFactory,
)
from tests.pages import error_at, page
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import member_scope, workspace_scope

FRAGMENT = {"HX-Request": "true"}
WHOLE_PAGE = [
    {},
    {"HX-Request": "true", "HX-Boosted": "true"},
    {"HX-Request": "true", "HX-History-Restore-Request": "true"},
]
INVALID_NAMES = {
    "": "This field is required.",
    "   ": "This field is required.",
    "\t\n": "This field is required.",
    "x" * 61: "Ensure this value has at most 60 characters (it has 61).",
    "Har\0rier": "Null characters are not allowed.",
}
CLASH = "This workspace already has a project of that name."


@pytest.fixture
def mine(client, db):
    """The membership of the operator who is signed in, in a workspace that has a project."""
    membership = MembershipFactory(role=Role.OPERATOR)
    client.force_login(membership.user)
    return membership


@pytest.fixture
def harrier(mine):
    return ProjectFactory(workspace=mine.workspace, name="Harrier")


def url(name, membership, project=None, query=""):
    args = [membership.workspace.slug] + ([project.pk] if project else [])
    return reverse(f"fleet:project-{name}", args=args) + query


def stored(project):
    with workspace_scope(project.workspace_id):
        return Project.objects.filter(pk=project.pk).first()


def names_in(workspace):
    with workspace_scope(workspace.pk):
        return sorted(Project.objects.values_list("name", flat=True))


def listed(response):
    return [link.text for link in page(response).all("a", class_="row-link")]


def is_fragment(response):
    return "<html" not in response.text


# The list


def test_project_list_shows_projects_of_its_own_workspace_only(client, db):
    mine = MembershipFactory(role=Role.VIEWER)
    ProjectFactory(workspace=mine.workspace, name="Harrier")
    ProjectFactory(name="Kestrel")
    client.force_login(mine.user)

    response = client.get(reverse("fleet:project-list", args=[mine.workspace.slug]))

    assert response.status_code == 200
    assert "Harrier" in response.text
    assert "Kestrel" not in response.text


def test_project_list_of_a_person_in_two_workspaces_shows_the_addressed_one(client, mine, harrier):
    other = MembershipFactory(user=mine.user, role=Role.OWNER)
    ProjectFactory(workspace=other.workspace, name="Kestrel")

    assert listed(client.get(url("list", mine))) == ["Harrier"]
    assert listed(client.get(url("list", other))) == ["Kestrel"]


def test_project_list_separates_active_from_archived(client, mine, harrier):
    kite = ProjectFactory(workspace=mine.workspace, name="Kite")
    client.post(url("archive", mine, kite))

    active = client.get(url("list", mine))
    archived = client.get(url("list", mine, query="?state=archived"))

    assert listed(active) == ["Harrier"]
    assert listed(archived) == ["Kite"]
    assert [tab.text for tab in page(active).one("nav", class_="tabs").all("a")] == [
        "Active",
        "Archived 1",
    ]
    current = page(archived).one("nav", class_="tabs").one("a", aria_current="page")
    assert current.text == "Archived 1"


def test_project_list_takes_an_unknown_state_for_active(client, mine, harrier):
    assert listed(client.get(url("list", mine, query="?state=nonsense"))) == ["Harrier"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("night quality", ["Nightly data quality"]),
        ("QUALITY night", ["Nightly data quality"]),
        ("  data   nightly ", ["Nightly data quality"]),
        ("a", ["Data_lake", "Nightly data quality"]),
        ("nightly 100", []),
        ("%", ["100% cotton"]),
        ("_", ["Data_lake"]),
        ("0%", ["100% cotton"]),
        ("\\", []),
        ("'", []),
        ("\0", ["100% cotton", "Data_lake", "Nightly data quality"]),
    ],
)
def test_project_list_finds_all_words_literally_in_any_order_and_case(
    client, mine, query, expected
):
    for name in ("Nightly data quality", "100% cotton", "Data_lake"):
        ProjectFactory(workspace=mine.workspace, name=name)
    ProjectFactory(name="Nightly data quality % _ elsewhere")

    response = client.get(url("list", mine), {"q": query})

    assert response.status_code == 200
    assert listed(response) == expected


def test_project_list_that_finds_nothing_says_for_what_and_how_to_go_on(client, mine, harrier):
    ProjectFactory(name="Kestrel")

    response = client.get(url("list", mine), {"q": "Kestrel <b>", "state": "archived"})

    results = page(response).one("div", id="results")
    assert results.one("h2").text == "No match"
    assert "No archived project has “Kestrel <b>” in its name." in results.text
    assert results.one("a", class_="button")["href"] == url("list", mine, query="?state=archived")


def test_project_list_keeps_the_search_in_its_field(client, mine):
    response = client.get(url("list", mine), {"q": '"><script>'})

    assert page(response).one("input", name="q")["value"] == '"><script>'


@pytest.mark.parametrize(("role", "offers_creation"), [(Role.OPERATOR, True), (Role.VIEWER, False)])
def test_empty_project_list_offers_what_the_role_may_do(client, db, role, offers_creation):
    mine = MembershipFactory(role=role)
    ProjectFactory(name="Kestrel")
    client.force_login(mine.user)

    response = client.get(url("list", mine))

    results = page(response).one("div", id="results")
    assert results.one("h2").text == "No projects yet"
    targets = [link["href"] for link in page(response).all("a")]
    assert (url("create", mine) in targets) is offers_creation


def test_empty_archive_says_so(client, mine, harrier):
    response = client.get(url("list", mine, query="?state=archived"))

    assert page(response).one("div", id="results").one("h2").text == "Nothing is archived"


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (25, [25]), (26, [25, 1])])
def test_project_list_links_to_the_next_page_only_if_there_is_one(client, mine, count, sizes):
    for number in range(count):
        ProjectFactory(workspace=mine.workspace, name=f"Project {number:02}")
        ProjectFactory(workspace=mine.workspace, name=f"Other {number:02}")
        if not number % 10:
            ProjectFactory(name=f"Project {number:02} elsewhere")

    seen, query = [], "?q=project"
    while query:
        response = client.get(url("list", mine, query=query))
        seen.append(listed(response))
        following = page(response).all("a", rel="next")
        query = following[0]["href"] if following else ""

    assert [len(names) for names in seen] == sizes
    assert sum(seen, []) == [f"Project {number:02}" for number in range(count)]  # noqa: RUF017


def test_project_list_goes_back_to_the_page_that_one_came_from(client, mine):
    for number in range(30):
        ProjectFactory(workspace=mine.workspace, name=f"Project {number:02}")
    first = client.get(url("list", mine))
    second = client.get(url("list", mine, query=page(first).one("a", rel="next")["href"]))

    back = client.get(url("list", mine, query=page(second).one("a", rel="prev")["href"]))

    assert listed(back) == listed(first)
    assert page(first).all("a", rel="prev") == []
    assert page(second).all("a", rel="next") == []


def test_project_list_answers_htmx_with_the_results_alone(client, mine, harrier):
    response = client.get(url("list", mine), headers=FRAGMENT)

    assert is_fragment(response)
    assert page(response).one("div", id="results")
    assert listed(response) == ["Harrier"]


@pytest.mark.parametrize("headers", WHOLE_PAGE)
@pytest.mark.parametrize("name", ["list", "create", "rename"])
def test_project_pages_come_whole_unless_htmx_asks_for_a_part(client, mine, harrier, name, headers):
    project = harrier if name == "rename" else None

    response = client.get(url(name, mine, project), headers=headers)

    assert response.status_code == 200
    assert not is_fragment(response)
    assert page(response).one("header", class_="topbar")


# Creating


def test_project_create_makes_a_project_here_and_leads_to_it(client, mine):
    elsewhere = WorkspaceFactory()

    response = client.post(url("create", mine), {"name": "  Harrier "})

    with workspace_scope(mine.workspace_id):
        project = Project.objects.get()
    assert project.name == "Harrier"
    assert project.workspace_id == mine.workspace_id
    assert project.archived_at is None
    assert response.status_code == 302
    assert response["Location"] == url("detail", mine, project)
    assert names_in(elsewhere) == []


def test_project_create_accepts_sixty_characters(client, mine):
    response = client.post(url("create", mine), {"name": "ü" * 60})

    assert response.status_code == 302
    assert names_in(mine.workspace) == ["ü" * 60]


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize(("name", "message"), INVALID_NAMES.items())
def test_project_create_refuses_an_invalid_name_at_its_field(client, mine, name, message, headers):
    response = client.post(url("create", mine), {"name": name}, headers=headers)

    assert response.status_code == 422
    assert error_at(response, "name") == message
    assert is_fragment(response) is bool(headers)
    assert names_in(mine.workspace) == []


def test_project_create_without_any_field_is_refused_at_the_field(client, mine):
    response = client.post(url("create", mine))

    assert response.status_code == 422
    assert error_at(response, "name") == "This field is required."


@pytest.mark.parametrize("typed", ["Harrier", "HARRIER", "harrier", " harrieR "])
def test_project_create_refuses_a_name_that_is_taken_here_in_any_case(client, mine, harrier, typed):
    response = client.post(url("create", mine), {"name": typed})

    assert response.status_code == 422
    assert error_at(response, "name") == CLASH
    assert names_in(mine.workspace) == ["Harrier"]


def test_project_create_refuses_the_name_of_an_archived_project(client, mine, harrier):
    client.post(url("archive", mine, harrier))

    response = client.post(url("create", mine), {"name": "harrier"})

    assert error_at(response, "name") == CLASH


def test_project_create_keeps_the_text_that_it_refuses(client, mine, harrier):
    typed = 'HARRIER <"x">' + "y" * 60

    response = client.post(url("create", mine), {"name": typed})

    assert page(response).one("input", name="name")["value"] == typed


def test_project_create_allows_a_name_that_another_workspace_has(client, mine):
    theirs = ProjectFactory(name="Harrier")

    response = client.post(url("create", mine), {"name": "Harrier"})

    assert response.status_code == 302
    assert names_in(mine.workspace) == names_in(theirs.workspace) == ["Harrier"]


def test_project_create_ignores_a_workspace_in_the_form(client, mine):
    other = MembershipFactory(user=mine.user, role=Role.OWNER)

    client.post(
        url("create", mine),
        {"name": "Harrier", "workspace": other.workspace_id, "workspace_id": other.workspace_id},
    )

    assert names_in(mine.workspace) == ["Harrier"]
    assert names_in(other.workspace) == []


def test_project_create_that_loses_a_race_for_the_name_is_refused_at_the_field(
    client, mine, harrier, monkeypatch
):
    validate = Project.validate_constraints
    asked = []

    def blind_the_first_time(project, exclude=None):
        asked.append(project)
        if len(asked) > 1:
            validate(project, exclude)

    monkeypatch.setattr(Project, "validate_constraints", blind_the_first_time)

    response = client.post(url("create", mine), {"name": "harrier"})

    assert response.status_code == 422
    assert error_at(response, "name") == CLASH
    assert names_in(mine.workspace) == ["Harrier"]


# One project


def test_project_detail_shows_the_project_and_what_the_role_may_do(client, mine, harrier):
    response = client.get(url("detail", mine, harrier))

    shown = page(response)
    assert shown.one("h1").text == "Harrier"
    targets = {e.get("href") or e.get("action") for e in shown.all("a") + shown.all("form")}
    assert {url(name, mine, harrier) for name in ("rename", "archive", "delete")} <= targets
    assert url("restore", mine, harrier) not in targets


def test_project_detail_offers_a_viewer_no_change(client, db):
    mine = MembershipFactory(role=Role.VIEWER)
    project = ProjectFactory(workspace=mine.workspace)
    client.force_login(mine.user)

    response = client.get(url("detail", mine, project))

    shown = page(response)
    targets = {e.get("href") or e.get("action") for e in shown.all("a") + shown.all("form")}
    changes = ("rename", "archive", "restore", "delete")
    assert response.status_code == 200
    assert not {url(name, mine, project) for name in changes} & targets


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["detail", "rename", "archive", "restore", "delete"])
def test_project_pages_hide_projects_of_other_workspaces(client, mine, harrier, name, method):
    """Even of one in which the same person may do everything: the address decides."""
    other = MembershipFactory(user=mine.user, role=Role.OWNER)
    theirs = ProjectFactory(workspace=other.workspace, name="Kestrel")
    address = url(name, mine, theirs)

    response = getattr(client, method)(address, {"name": "Kite"})

    allowed = {"detail": ["get"], "archive": ["post"], "restore": ["post"]}
    assert response.status_code == (404 if method in allowed.get(name, ["get", "post"]) else 405)
    assert "Kestrel" not in response.text
    assert stored(theirs).name == "Kestrel"
    assert stored(theirs).archived_at is None


def test_project_rename_hides_projects_of_other_workspaces(client, db):
    mine = MembershipFactory(role=Role.ADMIN)
    theirs = ProjectFactory(name="Harrier")
    client.force_login(mine.user)
    url = reverse("fleet:project-rename", args=[mine.workspace.slug, theirs.pk])

    response = client.post(url, {"name": "Kite"})

    assert response.status_code == 404
    with workspace_scope(theirs.workspace_id):
        assert Project.objects.get(pk=theirs.pk).name == "Harrier"


# Renaming


def test_project_rename_stores_the_name_and_leads_to_the_project(client, mine, harrier):
    response = client.post(url("rename", mine, harrier), {"name": "Kite"})

    assert response.status_code == 302
    assert response["Location"] == url("detail", mine, harrier)
    assert stored(harrier).name == "Kite"


def test_project_rename_in_htmx_answers_the_form_and_the_new_heading(client, mine, harrier):
    response = client.post(url("rename", mine, harrier), {"name": "Kite"}, headers=FRAGMENT)

    shown = page(response)
    assert response.status_code == 200
    assert is_fragment(response)
    assert shown.one("input", name="name")["value"] == "Kite"
    assert shown.one("h1", hx_swap_oob="true").text == "Kite"
    assert stored(harrier).name == "Kite"


@pytest.mark.parametrize("name", ["Harrier", "HARRIER"])
def test_project_rename_to_its_own_name_in_another_case_is_no_clash(client, mine, harrier, name):
    response = client.post(url("rename", mine, harrier), {"name": name})

    assert response.status_code == 302
    assert stored(harrier).name == name


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize(("name", "message"), [*INVALID_NAMES.items(), ("kESTREL", CLASH)])
def test_project_rename_refuses_an_invalid_name_at_its_field_and_keeps_the_old_one(
    client, mine, harrier, name, message, headers
):
    ProjectFactory(workspace=mine.workspace, name="Kestrel")

    response = client.post(url("rename", mine, harrier), {"name": name}, headers=headers)

    assert response.status_code == 422
    assert error_at(response, "name") == message
    assert page(response).one("input", name="name").get("value") == name
    assert is_fragment(response) is bool(headers)
    assert [h1.text for h1 in page(response).all("h1")] == ([] if headers else ["Harrier"])
    assert stored(harrier).name == "Harrier"


def test_project_rename_allows_a_name_that_another_workspace_has(client, mine, harrier):
    theirs = ProjectFactory(name="Kestrel")

    response = client.post(url("rename", mine, harrier), {"name": "Kestrel"})

    assert response.status_code == 302
    assert stored(harrier).name == stored(theirs).name == "Kestrel"


# Archiving and deleting


def test_project_archive_twice_is_as_good_as_once(client, mine, harrier):
    first = client.post(url("archive", mine, harrier))
    archived_at = stored(harrier).archived_at
    second = client.post(url("archive", mine, harrier))

    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"] == url("detail", mine, harrier)
    assert archived_at is not None
    assert stored(harrier).archived_at == archived_at


def test_project_restore_twice_is_as_good_as_once(client, mine, harrier):
    client.post(url("archive", mine, harrier))

    first = client.post(url("restore", mine, harrier))
    second = client.post(url("restore", mine, harrier))

    assert first.status_code == second.status_code == 302
    assert stored(harrier).archived_at is None


def test_project_in_which_agents_run_is_not_archived_and_they_are_named(client, mine, harrier):
    owl = AgentFactory(workspace=mine.workspace, project=harrier, name="<b>Owl</b>")
    AgentFactory(workspace=mine.workspace, project=harrier, name="Kite", state="paused")

    response = client.post(url("archive", mine, harrier))

    assert response.status_code == 409
    alert = page(response).one("p", role="alert").text
    assert alert == "Agents run in this project: <b>Owl</b>. Pause or archive them first."
    assert stored(harrier).archived_at is None
    with workspace_scope(mine.workspace_id):
        owl.state = "paused"
        owl.save()
    assert client.post(url("archive", mine, harrier)).status_code == 302


@pytest.mark.parametrize("what", ["agent", "archived agent", "task"])
def test_project_that_was_worked_in_is_not_deleted(client, mine, harrier, what):
    if what == "task":  # of an agent that is in another project by now
        TaskFactory(workspace=mine.workspace, project=harrier)
    else:
        state = "archived" if "archived" in what else "running"
        AgentFactory(workspace=mine.workspace, project=harrier, state=state)

    response = client.post(url("delete", mine, harrier))

    assert response.status_code == 422
    assert "Archive the project instead." in page(response).text
    assert stored(harrier) is not None


def test_project_archive_leaves_projects_of_the_same_name_elsewhere_alone(client, mine, harrier):
    theirs = ProjectFactory(name="Harrier")

    client.post(url("archive", mine, harrier))

    assert stored(theirs).archived_at is None


def test_archived_project_says_so_and_offers_to_be_restored(client, mine, harrier):
    client.post(url("archive", mine, harrier))

    shown = page(client.get(url("detail", mine, harrier)))

    assert shown.one("span", class_="tag").text == "Archived"
    actions = [form["action"] for form in shown.all("form")]
    assert url("restore", mine, harrier) in actions
    assert url("archive", mine, harrier) not in actions


def test_project_delete_asks_first_and_changes_nothing_until_confirmed(client, mine, harrier):
    response = client.get(url("delete", mine, harrier))

    assert response.status_code == 200
    assert page(response).one("h1").text == "Delete Harrier?"
    assert stored(harrier) is not None


def test_project_delete_removes_it_alone_and_a_second_try_finds_nothing(client, mine, harrier):
    ProjectFactory(workspace=mine.workspace, name="Kite")
    theirs = ProjectFactory(name="Harrier")

    first = client.post(url("delete", mine, harrier))
    second = client.post(url("delete", mine, harrier))

    assert first.status_code == 302
    assert first["Location"] == url("list", mine)
    assert second.status_code == 404
    assert names_in(mine.workspace) == ["Kite"]
    assert stored(theirs).name == "Harrier"


# Who may, and how


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
@pytest.mark.parametrize("name", ["create", "rename", "archive", "restore", "delete"])
def test_project_changes_are_refused_to_roles_that_only_read(client, db, name, role):
    mine = MembershipFactory(role=role)
    project = ProjectFactory(workspace=mine.workspace, name="Harrier")
    client.force_login(mine.user)
    address = url(name, mine, None if name == "create" else project)

    response = client.post(address, {"name": "Kite"})

    assert response.status_code == 403
    assert names_in(mine.workspace) == ["Harrier"]
    assert stored(project).archived_at is None


@pytest.mark.parametrize("name", ["list", "detail"])
def test_auditor_sees_no_projects(client, db, name):
    mine = MembershipFactory(role=Role.AUDITOR)
    project = ProjectFactory(workspace=mine.workspace, name="Harrier")
    client.force_login(mine.user)

    response = client.get(url(name, mine, project if name == "detail" else None))

    assert response.status_code == 403
    assert "Harrier" not in response.text


@pytest.mark.parametrize(
    ("name", "method", "allowed"),
    [
        ("list", "post", "GET, HEAD"),
        ("create", "delete", "GET, POST"),
        ("detail", "post", "GET, HEAD"),
        ("rename", "put", "GET, POST"),
        ("archive", "get", "POST"),
        ("restore", "get", "POST"),
        ("delete", "delete", "GET, POST"),
    ],
)
def test_project_pages_refuse_other_methods(client, mine, harrier, name, method, allowed):
    address = url(name, mine, None if name in ("list", "create") else harrier)

    response = getattr(client, method)(address)

    assert response.status_code == 405
    assert response["Allow"] == allowed
    assert stored(harrier).archived_at is None


# A suspended workspace


@pytest.mark.parametrize("name", ["list", "detail", "create", "rename", "delete"])
def test_suspended_workspace_is_read_with_a_band_that_says_why(client, mine, harrier, name):
    suspend(mine.workspace, "unpaid bill")

    response = client.get(url(name, mine, None if name in ("list", "create") else harrier))

    assert response.status_code == 200
    band = page(response).one("div", class_="band")
    assert f"{mine.workspace.name} is suspended: unpaid bill" in band.text


@pytest.mark.parametrize("name", ["list", "detail"])
def test_suspended_workspace_offers_no_changes(client, mine, harrier, name):
    suspend(mine.workspace, "unpaid bill")

    shown = page(client.get(url(name, mine, harrier if name == "detail" else None)))

    targets = {e.get("href") or e.get("action") for e in shown.all("a") + shown.all("form")}
    changes = ("rename", "archive", "delete")
    assert not {url(change, mine, harrier) for change in changes} & targets
    assert url("create", mine) not in targets


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize("name", ["create", "rename", "archive", "restore", "delete"])
def test_suspended_workspace_refuses_every_change(client, mine, harrier, name, headers):
    kite = ProjectFactory(workspace=mine.workspace, name="Kite")
    client.post(url("archive", mine, kite))
    archived_at = stored(kite).archived_at
    suspend(mine.workspace, "unpaid bill")
    project = kite if name == "restore" else harrier
    address = url(name, mine, None if name == "create" else project)

    response = client.post(address, {"name": "Buzzard"}, headers=headers)

    assert response.status_code == 403
    assert page(response).one("h1").text == "Nothing was changed"
    assert names_in(mine.workspace) == ["Harrier", "Kite"]
    assert stored(harrier).archived_at is None
    assert stored(kite).archived_at == archived_at


def test_suspension_of_one_workspace_leaves_others_writable(client, mine, harrier):
    suspend(WorkspaceFactory(), "unpaid bill")

    response = client.post(url("rename", mine, harrier), {"name": "Kite"})

    assert response.status_code == 302
    assert stored(harrier).name == "Kite"


def test_suspended_workspace_is_read_only_in_the_database_itself(committed_db):
    mine = MembershipFactory(role=Role.OWNER)
    harrier = ProjectFactory(workspace=mine.workspace, name="Harrier")
    suspend(mine.workspace, "unpaid bill")

    with member_scope(mine.workspace.slug, mine.user_id):
        assert list(Project.objects.values_list("name", flat=True)) == ["Harrier"]
        with pytest.raises(InternalError, match="read-only transaction"), transaction.atomic():
            Project.objects.create(name="Kite")

    assert names_in(mine.workspace) == ["Harrier"]
    assert stored(harrier) is not None


# The agents in it


def test_project_page_lists_its_own_agents_but_archived_ones(client, mine, harrier):
    other = ProjectFactory(workspace=mine.workspace)
    AgentFactory(workspace=mine.workspace, project=harrier, name="Owl")
    AgentFactory(workspace=mine.workspace, project=harrier, name="Bittern", state="archived")
    AgentFactory(workspace=mine.workspace, project=other, name="Merlin")
    AgentFactory(name="Kestrel")

    shown = page(client.get(url("detail", mine, harrier))).one("section", aria_labelledby="agents")

    assert [a.text for a in shown.all("a", class_="row-link")] == ["Owl"]
    new = reverse("fleet:agent-create", args=[mine.workspace.slug])
    assert f"{new}?project={harrier.pk}" in [a["href"] for a in shown.all("a")]


def test_project_page_leads_to_the_list_when_there_are_more_agents(client, mine, harrier):
    for number in range(11):
        AgentFactory(workspace=mine.workspace, project=harrier, name=f"Agent {number:02}")

    shown = page(client.get(url("detail", mine, harrier))).one("section", aria_labelledby="agents")

    assert len(shown.all("a", class_="row-link")) == 10
    address = reverse("fleet:agent-list", args=[mine.workspace.slug])
    (way,) = [a for a in shown.all("a") if a.text == "All of them"]
    assert way["href"] == f"{address}?project={harrier.pk}"
