"""First step of every `make` target: check Python's version, then prepare `.venv`.

    python3 -m agenhood.launcher.bootstrap requirements.txt

Runs under the system's Python. One that is too old must still parse this file, to be told so: no
syntax newer than Python 3.0 here.
"""

import sys

OLDEST_PYTHON = (3, 11)


def complaint(version: "tuple[int, ...]") -> str:
    """Return what to tell the user of a Python of this `version`; nothing if it will do."""
    if version[:2] >= OLDEST_PYTHON:
        return ""
    return (
        "agenhood: this is Python " + ".".join(map(str, version[:3])) + ", and Agenhood needs"
        " Python 3.11 or newer. If there is one under another name, give it to make, for example:"
        " make run PYTHON=python3.12"
    )


if __name__ == "__main__":
    if complaint(sys.version_info[:3]):
        sys.exit(complaint(sys.version_info[:3]))
    from agenhood.launcher.requirements import main

    sys.exit(main(sys.argv[1:]))
