"""What a prompt's text says: its variables, what they stand for, and what an agent works by.

`{{name}}` is all there is: no conditions, no filters, nothing that runs. What is filled in is never
looked through again, so a value cannot bring a variable of its own.
"""

import re
from collections.abc import Mapping

from agenhood.fleet.models import Agent

VARIABLE = re.compile(r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]{0,59})[ \t]*\}\}")


def variables(text: str) -> list[str]:
    """Return the names of the variables in a text, in their order, each once."""
    return list(dict.fromkeys(VARIABLE.findall(text)))


def render_prompt(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its variables filled in. Those without a value stay as they are."""
    return "".join(piece for piece, _name in filled(text, values))


def filled(text: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the filled-in text as (piece, the variable that it came from or ""), to be marked."""
    pieces: list[tuple[str, str]] = []
    at = 0
    for found in VARIABLE.finditer(text):
        name = found[1]
        pieces.append((text[at : found.start()], ""))
        pieces.append((values.get(name, found[0]), name))
        at = found.end()
    return [piece for piece in [*pieces, (text[at:], "")] if piece[0]]


def text_for(agent: Agent) -> str:
    """Return the text that the agent works by now, its variables not filled in.

    That of its label's version at this moment, or of its fixed version; "" without a prompt.
    """
    if agent.prompt_label is not None:
        return agent.prompt_label.version.text
    return agent.prompt_version.text if agent.prompt_version is not None else ""
