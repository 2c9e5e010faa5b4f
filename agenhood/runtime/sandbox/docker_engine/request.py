"""What the first process in a container reads: which program to run, and all that it is given.

By standard input and never otherwise: whatever the engine stores of a container can be read by who
may ask the engine, and arguments by every user of the machine.
"""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from agenhood.runtime.sandbox import seccomp
from agenhood.runtime.sandbox.command import ENVIRONMENT, proxy_environment

TELL_TO_END = b"e"


def request(
    command: Sequence[str], environment: Mapping[str, str], prompt: bytes, *, has_proxy: bool
) -> bytes:
    """Return it as inside.py reads it."""
    given = {name: value for name, value in ENVIRONMENT.items() if name != "PATH"}  # the image's
    given |= environment
    forwarder = ""
    if has_proxy:
        given |= proxy_environment()
        forwarder = Path(__file__).parent.with_name("forwarder.py").read_text()
    asked = {
        "command": list(command),
        "given": given,
        "forwarder": forwarder,
        "calls": base64.b64encode(seccomp.program(counts_memory=True)).decode(),
    }
    return _block(json.dumps(asked).encode()) + _block(prompt)


def _block(content: bytes) -> bytes:
    return struct.pack(">Q", len(content)) + content
