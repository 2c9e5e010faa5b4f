"""Measure everything, and write bench/results.json and bench/RESULTS.md.

python -m bench               half an hour, on a machine that has nothing else to do
python -m bench --only queue,live
                              these parts alone; of all others stays what was measured before
python -m bench --quick       two minutes, with 50 workspaces and few rounds; writes nothing
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from bench.priority import before_others
from bench.server import TEMPLATE, environment, throwaway_server


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", metavar="PART[,PART]", default="")
    given = parser.parse_args(arguments)
    with _agents_folder(), throwaway_server() as server:
        os.environ |= environment(server.url(TEMPLATE))
        django.setup()
        logging.disable(logging.INFO)
        from bench import parts, report, runs

        names = given.only.split(",") if given.only else list(parts.PARTS)
        if unknown := set(names) - set(parts.PARTS):
            parser.error(f"no such part: {', '.join(unknown)}. There are {', '.join(parts.PARTS)}.")
        with before_others(server) as first:
            machine = report.machine(server, first=first)
        started = time.monotonic()
        measured = {name: parts.measure(name, server, quick=given.quick) for name in names}
        minutes = (time.monotonic() - started) / 60
    figures = {name: value for part in measured.values() for name, value in part.figures.items()}
    print(report.table(figures))
    if not given.quick:
        report.write(runs.merged(measured, machine, minutes))
    return 0


@contextmanager
def _agents_folder() -> Iterator[None]:
    """Have agents' directories for a run only. Other users than ours pass through to their own."""
    with tempfile.TemporaryDirectory(prefix="agenhood-bench-agents-") as folder:
        Path(folder).chmod(0o711)
        os.environ["AGENHOOD_AGENTS"] = folder
        try:
            yield
        finally:
            from agenhood.fleet.agent_files.place import sweep

            sweep()  # what a killed worker has left mounted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
