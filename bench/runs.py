"""What was measured, part by part, and in which run: runs.json, which the results come from."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.timing import Measured, Timing

FILE = Path(__file__).with_name("runs.json")


@dataclass(frozen=True, slots=True)
class Part:
    """A part's figures and timings, and the run that they are of: when it ended, how long it took,
    and on what it ran."""

    measured: Measured
    ended_at: str
    minutes: float
    machine: list[str]


def merged(measured: dict[str, Measured], machine: list[str], minutes: float) -> dict[str, Part]:
    """Store what was measured now in place of what there was of the same parts; return all. A part
    that could not be measured (a switch, without a browser) stays as it was."""
    now = datetime.now(UTC).isoformat(timespec="minutes")
    parts = _read() | {
        name: Part(part, now, round(minutes, 1), machine)
        for name, part in measured.items()
        if part.figures
    }
    FILE.write_text(
        json.dumps({name: asdict(part) for name, part in parts.items()}, indent=1) + "\n"
    )
    return parts


def _read() -> dict[str, Part]:
    if not FILE.exists():
        return {}
    return {name: _part(stored) for name, stored in json.loads(FILE.read_text()).items()}


def _part(stored: dict[str, Any]) -> Part:
    timings = {name: Timing(**timing) for name, timing in stored["measured"]["timings"].items()}
    measured = Measured(stored["measured"]["figures"], timings)
    return Part(measured, stored["ended_at"], stored["minutes"], stored["machine"])
