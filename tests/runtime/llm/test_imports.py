"""What speaks to models is loaded by workers only, and does nothing of its own accord."""

import subprocess
import sys

LOADED_LATE = {"pydantic_ai", "openai", "anthropic", "genai_prices", "httpx2"}


def test_a_web_process_does_not_load_it() -> None:
    program = f"""
import sys, django
django.setup()
import agenhood.urls, agenhood.runtime.drivers.llm
from procrastinate.contrib.django import app
loaded = {LOADED_LATE!r} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_loading_it_speaks_to_nobody() -> None:
    program = """
import sys, threading, django
django.setup()
def refuse(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "subprocess", "os.exec")):
        raise AssertionError(event)
sys.addaudithook(refuse)
import agenhood.runtime.drivers.llm.loop
from agenhood.runtime.drivers.llm.models import http_client, model_at
from agenhood.runtime.run import Provider
for kind in ("openai", "anthropic"):
    model_at(Provider(kind, "http://127.0.0.1:9/v1", "key"), "some-model", http_client())
import pydantic_ai
assert pydantic_ai.BANNER_ENABLED is False
assert threading.active_count() == 1, threading.enumerate()
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout == b""
