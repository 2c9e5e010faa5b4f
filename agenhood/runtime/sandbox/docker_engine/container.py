"""An agent's container: it waits, started, for one program, and is started anew after each.

With a program's end its first process ends, and the kernel kills what else there is: so that no
process, file in memory or socket of one is there for the next. Only the start takes its time, half
a second, and that goes by before the next program comes.
"""

import os
import threading
from typing import Any

from docker.errors import NotFound

from agenhood.fleet.agent_files import Usage
from agenhood.runtime.sandbox.docker_engine.client import client, in_words
from agenhood.runtime.sandbox.engine import SandboxError

STREAMS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


class Container:
    def __init__(self, wanted: dict[str, Any], usage: Usage) -> None:
        """Make it. Takes over the usage of the agent's directory. Raises SandboxError."""
        self.usage, self.wanted = usage, wanted
        self.client = client()
        self._streams = -1
        self._starting: threading.Thread | None = None
        self._fault: BaseException | None = None
        try:
            with in_words():
                made = self.client.create_container_from_config(wanted)
        except BaseException:
            self.client.close()
            raise
        self.id: str = made["Id"]

    def start(self) -> None:
        """Have it wait for a program. Raises SandboxError."""
        with in_words():
            attached = self.client.attach_socket(self.id, STREAMS)
            connection = attached._sock
            # Ours alone: what the library has of it, it closes when it likes.
            self._streams = os.dup(attached.fileno())
            attached._response.close()
            attached.close()
            connection.close()
            os.set_blocking(self._streams, False)
            self.client.start(self.id)

    def start_meanwhile(self) -> None:
        """Do so in a thread; what goes wrong is raised by `streams`."""
        self._starting = threading.Thread(target=self._start, daemon=True)
        self._starting.start()

    def _start(self) -> None:
        try:
            self.start()
        except BaseException as error:
            self._fault = error

    def streams(self) -> int:
        """Return the descriptor to write to and to read from, of the started container. Raises
        SandboxError."""
        self._join()
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise SandboxError(str(fault)) from fault
        if self._streams < 0:
            self.start()
        return self._streams

    def is_waiting(self) -> bool:
        """Tell whether it is there to run a program, as far as can be seen without asking."""
        self._join()
        if self._fault is not None or self._streams < 0:
            return False
        try:
            os.read(self._streams, 1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False  # it has ended: it says nothing before it is asked

    def pid(self) -> int:
        """Return the first process's id on this machine; 0 if it is not seen from here."""
        with in_words():
            return int(self.client.inspect_container(self.id)["State"]["Pid"])

    def kill(self) -> None:
        """Kill all that runs in it. Raises SandboxError."""
        with in_words():
            try:
                self.client.kill(self.id)
            except NotFound:
                pass
            except Exception:
                # Docker refuses to kill what has just ended by itself, and that is as good.
                if self._is_running():
                    raise

    def _is_running(self) -> bool:
        return bool(self.client.inspect_container(self.id)["State"]["Running"])

    def ended(self, *, within_seconds: float) -> dict[str, Any]:
        """Wait until nothing runs in it; return how that came. Raises SandboxError."""
        with in_words():
            self.client.wait(self.id, timeout=within_seconds)
            self._let_go()
            state: dict[str, Any] = self.client.inspect_container(self.id)["State"]
            return state

    def remove(self) -> None:
        """Kill what is in it, remove it, and let go of the agent's directory."""
        self._join()
        self._let_go()
        try:
            with in_words():
                self.client.remove_container(self.id, force=True)
        except SandboxError:
            # Left to a sweep. Without us its first process ends by itself.
            pass
        finally:
            self.client.close()
            self.usage.close()

    def _join(self) -> None:
        if self._starting is not None:
            self._starting.join()
            self._starting = None

    def _let_go(self) -> None:
        if self._streams >= 0:
            os.close(self._streams)
            self._streams = -1
