"""Every look past a manager's own filter has a reason, and is listed here."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USES = {
    ("workspaces/views/picker.py", "a person's own memberships, across workspaces"),
    ("workspaces/invitations/acceptance.py", "a person's own invitations, across workspaces"),
}


def calls() -> Iterator[tuple[str, str]]:
    for folder in ("accounts", "workspaces", "agenhood"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "unscoped":
                    yield str(file.relative_to(ROOT)), ast.literal_eval(node.args[0])


def test_every_unscoped_queryset_is_listed_with_its_reason():
    assert sorted(calls()) == sorted(USES)
