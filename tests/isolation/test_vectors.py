"""docs/isolation.md promises a test for each way to leak: that test is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+)(?:-(\d+))? \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/isolation.md").read_text())


def find(file: str) -> Path | None:
    """Return the file that the table names by its stem, or by its path."""
    folders = ("", "tests/isolation", "tests/workspaces")
    candidates = [ROOT / folder / name for folder in folders for name in (file, f"{file}.py")]
    return next((path for path in candidates if path.is_file()), None)


def test_every_vector_has_a_row() -> None:
    numbers = [n for first, last, _ in ROWS for n in range(int(first), int(last or first) + 1)]

    assert numbers == list(range(1, 69))


@pytest.mark.parametrize(("number", "held"), [(first, held) for first, _last, held in ROWS])
def test_a_vectors_tests_exist_or_a_reason_is_given(number: str, held: str) -> None:
    names = re.findall(r"`([^`]+)`", held)

    assert names or held.endswith("."), "neither a test nor a sentence that says why not"
    for name in names:
        file, _, test = name.partition("::")
        path = find(file)
        assert path is not None, name
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        defined = [
            n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, functions)
        ]
        assert not test or test in defined, name
