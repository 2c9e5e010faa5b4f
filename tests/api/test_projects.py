import pytest

from tests.factories import WorkspaceFactory


@pytest.fixture
def acme(db):
    return WorkspaceFactory(slug="acme", name="Acme")


def test_a_project_from_its_making_to_its_end(acme, program):
    ann = program(acme)

    made = ann.post("/projects", {"name": "Birds"})

    assert made.status_code == 201
    birds = f"/projects/{made.json()['id']}"
    assert ann.get(birds).json() == made.json()
    assert ann.patch(birds, {"name": "Kites"}).json()["name"] == "Kites"
    assert ann.post(f"{birds}/archive").json()["archived_at"]
    assert ann.get("/projects").json() == {"items": [], "next_cursor": None}
    assert len(ann.get("/projects?archived=true").json()["items"]) == 1
    assert ann.post(f"{birds}/restore").json()["archived_at"] is None
    assert ann.delete(birds).status_code == 204
    assert ann.get(birds).status_code == 404
