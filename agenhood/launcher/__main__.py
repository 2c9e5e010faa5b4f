"""python -m agenhood.launcher run [--demo] | demo | manage ARGUMENTS…"""

import argparse
import logging
import sys

from agenhood.launcher.children import Stopped, stop_on_signals
from agenhood.launcher.errors import LauncherError, explain_os_error
from agenhood.launcher.run import demo, manage, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="agenhood", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run").add_argument("--demo", action="store_true")
    commands.add_parser("demo")
    commands.add_parser("manage").add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # no warning when a signal cuts in
    stop_on_signals()
    try:
        match options.command:
            case "run":
                return run(demo=options.demo)
            case "demo":
                return demo()
            case _:
                return manage(options.arguments)
    except Stopped:
        print("\nStopped.", flush=True)
        return 0
    except LauncherError as error:
        return _complain(str(error))
    except OSError as error:
        explanation = explain_os_error(error)
        if explanation is None:
            raise
        return _complain(explanation)


def _complain(sentence: str) -> int:
    print(f"agenhood: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
