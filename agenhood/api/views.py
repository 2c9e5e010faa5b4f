"""The API's document, and as a page: drawn here, since the usual viewers need inline scripts."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agenhood.api.api import api


@cache
def _schema() -> dict[str, Any]:
    """Return the document: the same for everybody, as long as the process lives."""
    return dict(api.get_openapi_schema(path_params={}))


@require_safe
def document(request: HttpRequest) -> HttpResponse:
    """Answer with the OpenAPI document. For everybody: it tells of no workspace."""
    return JsonResponse(_schema())


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show every operation with what it takes and answers. For whoever is signed in."""
    document = _schema()
    context = {
        "description": [_pieces(text) for text in document["info"]["description"].split("\n\n")],
        "groups": _groups(document),
        "schemas": [
            {"name": name, "label": _label(name), "fields": _fields(schema)}
            for name, schema in sorted(document["components"]["schemas"].items())
        ],
    }
    return render(request, "api/docs.html", context)


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation["summary"],
                    "description": _pieces(operation.get("description", "")),
                    "parameters": [
                        parameter
                        | {
                            "type": _type(parameter["schema"]),
                            "description": _pieces(parameter.get("description", "")),
                        }
                        for parameter in operation.get("parameters", [])
                    ],
                    "takes": _body(operation.get("requestBody", {})),
                    "answers": [
                        {"status": status, "type": _body(answer)}
                        for status, answer in operation["responses"].items()
                        if int(status) < 400
                    ],
                }
            )
    return groups


def _body(described: dict[str, Any]) -> dict[str, str]:
    """Return the schema of a body, in words and by its name, if it has one of its own."""
    for media in described.get("content", {}).values():
        schema = media.get("schema", {})
        return {"label": _type(schema), "name": str(schema.get("$ref", "")).rpartition("/")[2]}
    return {}


def _label(name: str) -> str:
    """Return "page of ProjectOut" for the list that is called "Listed_ProjectOut_"."""
    item = name.removeprefix("Listed_").removesuffix("_")
    return f"page of {item}" if item != name else name


def _pieces(text: str) -> list[tuple[str, bool]]:
    """Return a text in pieces, with True for those that stand between backticks."""
    pieces = enumerate(text.replace("\n", " ").split("`"))
    return [(piece, number % 2 == 1) for number, piece in pieces if piece]


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    needed = schema.get("required", [])
    return [
        {
            "name": name,
            "type": _type(field),
            "required": name in needed,
            "description": _pieces(field.get("description", "")),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> str:
    """Return a JSON schema in a few words: "list of AgentOut", "string (uuid) or null"."""
    if "$ref" in schema:
        return _label(str(schema["$ref"]).rpartition("/")[2])
    for either in ("anyOf", "oneOf"):
        if either in schema:
            return " or ".join(_type(one) for one in schema[either])
    if "allOf" in schema:
        return _type(schema["allOf"][0])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = str(schema.get("type", "anything"))
    return f"{kind} ({schema['format']})" if "format" in schema else kind
