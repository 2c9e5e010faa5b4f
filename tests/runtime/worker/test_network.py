"""Whether a task reaches the network: by its agent's proxy, to named hosts, each one noted."""

from agenhood.fleet.models import Event
from tests.workers.run import work_off

FETCH = """python3 - <<'END'
import urllib.request
try:
    urllib.request.urlopen("http://elsewhere.example.org/", timeout=20)
except OSError as error:
    print("no:", error)
END"""


def notes(crew, task):
    outputs = [event.data for event in crew.events(task, Event.Kind.OUTPUT)]
    return [data for data in outputs if data["stream"] == "network"]


def test_a_task_without_a_network_has_no_way_out(crew):
    task = crew.ask(FETCH)
    work_off()
    assert crew.said(task).startswith("no:")
    assert notes(crew, task) == []


def test_a_host_that_is_not_named_is_refused_and_noted(crew):
    crew.set_agent(network_allowed=True, network_hosts=["api.example.com"])
    task = crew.ask(FETCH)
    work_off()
    assert "403" in crew.said(task)
    [noted] = notes(crew, task)
    wanted = {"stream": "network", "host": "elsewhere.example.org", "port": 80, "allowed": False}
    assert noted == wanted
