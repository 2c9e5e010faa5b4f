"""What speaks to models is loaded by workers only, and does nothing of its own accord."""

import subprocess
import sys

PROGRAM = """
import sys, threading, django
django.setup()
import agenhood.urls, agenhood.runtime.drivers.llm
from agenhood.runtime.run import Provider

large = {"pydantic_ai", "openai", "anthropic", "genai_prices", "httpx2"}
assert not large & set(sys.modules), large & set(sys.modules)
threads = threading.active_count()

def refuse(event, arguments):
    is_its_own = event == "socket.getaddrinfo" and arguments[0] == "127.0.0.1"
    if event.startswith(("socket.connect", "socket.getaddrinfo", "subprocess")) and not is_its_own:
        raise AssertionError(event)

sys.addaudithook(refuse)
import agenhood.runtime.drivers.llm.loop
from agenhood.runtime.drivers.llm.models import http_client, model_at

for kind in ("openai", "anthropic"):
    model_at(Provider(kind, "http://127.0.0.1:9/v1", "key"), "some-model", http_client())
import pydantic_ai

assert pydantic_ai.BANNER_ENABLED is False
assert threading.active_count() == threads, threading.enumerate()
"""


def test_it_is_loaded_late_and_speaks_to_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True)

    assert done.stdout == b""
