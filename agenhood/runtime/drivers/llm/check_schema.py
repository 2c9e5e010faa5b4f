"""Whether an answer fits a JSON Schema, in a process of its own.

    python -I check_schema.py < {"schema": …, "answer": "…" or null}

An operator writes the schema and a model the answer: a pattern that takes for ever, or a schema
that is deeper than the stack, must not hold up a worker with the tasks of others. Whoever starts
this gives it a time limit. Nothing is fetched: a schema that refers elsewhere is refused.

Prints {"wrong_schema": "…"} or {"errors": ["…"]}, of which there are none where the answer fits.
"""

import json
import resource
import sys
from itertools import islice
from typing import Any

MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 5
MOST_ERRORS = 5
# 200 more than are told: by them a secret is found where the words are cut.
ERROR_CHARACTERS = 500


def check(schema: Any, answer: str | None) -> dict[str, Any]:
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import SchemaRegistry

    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        return {"wrong_schema": _words(error)}
    if answer is None:
        return {"errors": []}
    try:
        found = json.loads(answer, parse_constant=_no_number)
    except ValueError as error:
        return {"errors": [f"It is no JSON document: {error}"]}
    validator = kind(schema, registry=SchemaRegistry(), format_checker=kind.FORMAT_CHECKER)
    try:
        errors = [_words(error) for error in islice(validator.iter_errors(found), MOST_ERRORS)]
    except Unresolvable as error:
        return {"wrong_schema": f"it refers to {error.ref}, which is not in it"}
    return {"errors": errors}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _words(error: Any) -> str:
    place = "".join(f"[{json.dumps(step)}]" for step in error.absolute_path)
    return f"{'At ' + place + ': ' if place else ''}{error.message}"[:ERROR_CHARACTERS]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    asked = json.load(sys.stdin)
    json.dump(check(asked["schema"], asked["answer"]), sys.stdout)
