"""What operations say of their answers in the OpenAPI document."""

from typing import Any

from agenhood.api.problems import Problem

READS: dict[int, Any] = dict.fromkeys((400, 401, 403, 404, 422, 429), Problem)
WRITES: dict[int, Any] = READS | dict.fromkeys((409, 413), Problem)

# Of creates: see idempotency.py.
IDEMPOTENT: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Sent again with the same key, this is done once.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
        }
    ]
}

# The file itself, whatever it is: nothing of ours describes its bytes.
FILE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The file",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    }
}
