"""Answers that are to be a JSON document of a given form."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agenhood.fleet.hostile import one_line
from agenhood.runtime.drivers.llm.failures import Ended

REPAIRS = 2
SECONDS = 10
ERROR_CHARACTERS = 300  # that are told of one
CHECKER = Path(__file__).with_name("check_schema.py")


def instructions(schema: Mapping[str, Any]) -> str:
    return (
        "Your final answer must be one JSON document and nothing else: no words around it, no"
        f" code fence. It must fit this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )


def document(answer: str) -> str:
    """Return the answer without the code fence that models like to put around JSON."""
    answer = answer.strip()
    if answer.startswith("```") and answer.endswith("```") and "\n" in answer:
        return answer.partition("\n")[2][:-3].strip()
    return answer


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise Ended where the schema is none: no answer could fit it."""
    _checked(schema, None)


def errors(schema: Mapping[str, Any], answer: str) -> list[str]:
    """Return in words where the document does not fit, a few at most. Raises Ended where the
    schema cannot be checked against."""
    return _checked(schema, answer)


def complaint(found: list[str]) -> str:
    """Return what the model is told of an answer that does not fit."""
    listed = "\n".join(f"- {error}" for error in found)
    return (
        f"Your answer does not fit the JSON Schema that it must fit:\n{listed}\n"
        "Answer again with the whole JSON document, and nothing else."
    )


def _checked(schema: Mapping[str, Any], answer: str | None) -> list[str]:
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(CHECKER)],
            input=json.dumps({"schema": schema, "answer": answer}).encode(),
            capture_output=True,
            env={},
            timeout=SECONDS,
            check=True,
        )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise Ended(
            "The answer could not be checked against the agent's output schema: it takes too long"
            " or too much memory."
        ) from None
    if "wrong_schema" in found:
        raise Ended(f"The agent's output schema cannot be used: {one_line(found['wrong_schema'])}")
    return [str(error) for error in found["errors"]]
