"""An engine for tests of the worker, where it does not matter what keeps programs apart.

Programs run in a folder of their own, which is all that the sandbox's promise has in common with
it: told to end, killed when asked, their output handed over as it comes.
"""

import os
import selectors
import signal
import subprocess
import time

from agenhood.fleet.agent_files import Place
from agenhood.runtime import sandbox
from agenhood.runtime.sandbox import Finished


class Unsandboxed:
    name = "unsandboxed"

    def probe(self):
        pass

    def open(self, spec):
        return _Place(spec)


class _Place:
    def __init__(self, spec):
        self.spec = spec
        self.usage = Place(spec.workspace_id, spec.agent_id, spec.limits.disk_mb).use()

    def run(
        self,
        command,
        *,
        stdin=b"",
        wall_seconds=None,
        on_output,
        should_end,
        should_kill,
        most_output=10_000_000,
    ):
        with subprocess.Popen(
            command,
            cwd=self.usage.path,
            env={"PATH": os.environ["PATH"]} | dict(self.spec.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            return self._follow(process, stdin, wall_seconds, on_output, should_end, should_kill)

    def _follow(self, process, stdin, wall_seconds, on_output, should_end, should_kill):
        process.stdin.write(stdin)
        process.stdin.close()
        watched = selectors.DefaultSelector()
        watched.register(process.stdout, selectors.EVENT_READ, "stdout")
        watched.register(process.stderr, selectors.EVENT_READ, "stderr")
        deadline = time.monotonic() + (wall_seconds or 1e9)
        killed_for, is_told = "", False
        while watched.get_map():
            for key, _mask in watched.select(0.1):
                if piece := os.read(key.fd, 65536):
                    on_output(key.data, piece)
                else:
                    watched.unregister(key.fileobj)
            if should_end() and not is_told:
                is_told = True
                os.killpg(process.pid, signal.SIGTERM)
            if not killed_for and (should_kill() or time.monotonic() > deadline):
                killed_for = "asked" if should_kill() else "time"
                os.killpg(process.pid, signal.SIGKILL)
        watched.close()
        return Finished(process.wait(), killed_for)

    def close(self):
        self.usage.close()


def install():
    sandbox.engine = Unsandboxed
