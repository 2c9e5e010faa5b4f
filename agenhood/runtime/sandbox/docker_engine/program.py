"""Watching a program in a container: its streams, its time, its disk, and that all of it ends."""

import os
import selectors
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from agenhood.runtime.sandbox.docker_engine.container import Container
from agenhood.runtime.sandbox.docker_engine.request import TELL_TO_END
from agenhood.runtime.sandbox.engine import Finished, SandboxError
from agenhood.runtime.sandbox.supervise import GONE_WITHIN_SECONDS, LOOK_EVERY_SECONDS, PIECE, Watch

HEAD = struct.Struct(">B3xI")  # of each piece of output: which stream, how long
STREAMS = {1: "stdout", 2: "stderr"}


@dataclass(slots=True)
class Program:
    """How one program is run; `request` is what its container is sent."""

    container: Container
    request: bytes
    wall_seconds: float
    most_output: int
    on_output: Callable[[str, bytes], None]
    should_end: Callable[[], bool]
    should_kill: Callable[[], bool]
    watch: Watch

    _streams: int = -1
    _received: bytearray = field(default_factory=bytearray)
    _taken: int = 0
    _killed_for: str = ""
    _is_open: bool = True
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> Finished:
        """Return when nothing of the program is left. Raises SandboxError."""
        self._streams = self.container.streams()
        first = self.container.pid()
        self._selector.register(self._streams, selectors.EVENT_READ | selectors.EVENT_WRITE)
        try:
            self._until_it_ends(first)
            if self._is_open:
                self.container.kill()
                self._drain()
        except BaseException:
            with suppress(SandboxError):
                self.container.kill()
            raise
        finally:
            self._selector.close()
            state = self.container.ended(within_seconds=GONE_WITHIN_SECONDS)
        if not self._killed_for and state["OOMKilled"]:
            self._killed_for = "memory"
        return Finished(state["ExitCode"], self._killed_for)

    def _until_it_ends(self, first: int) -> None:
        deadline = time.monotonic() + self.wall_seconds
        next_look = 0.0
        was_told = False
        while self._is_open:
            now = time.monotonic()
            if now >= next_look:
                next_look = now + LOOK_EVERY_SECONDS
                if self.should_kill():
                    self._killed_for = "asked"
                elif now >= deadline:
                    self._killed_for = "time"
                else:
                    self._killed_for = self.watch(first)
                    if not was_told and self.should_end():
                        was_told = True
                        self._send(TELL_TO_END)
            if self._killed_for:
                return
            self._serve(max(0.0, min(next_look, deadline) - time.monotonic()))

    def _serve(self, wait_seconds: float) -> None:
        for _, events in self._selector.select(wait_seconds):
            if events & selectors.EVENT_WRITE:
                self._feed()
            if events & selectors.EVENT_READ:
                self._read()

    def _send(self, more: bytes) -> None:
        self.request += more
        self._selector.modify(self._streams, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _feed(self) -> None:
        try:
            written = os.write(self._streams, self.request[:PIECE])
        except BlockingIOError:
            return
        except OSError:
            written = len(self.request)  # it has ended
        self.request = self.request[written:]
        if not self.request:
            self._selector.modify(self._streams, selectors.EVENT_READ)

    def _read(self) -> None:
        try:
            piece = os.read(self._streams, PIECE)
        except BlockingIOError:
            return
        except ConnectionError:
            piece = b""
        if not piece:
            self._is_open = False
        self._received += piece
        while len(self._received) >= HEAD.size:
            stream, size = HEAD.unpack_from(self._received)
            if len(self._received) < HEAD.size + size:
                return
            content = bytes(self._received[HEAD.size : HEAD.size + size])
            del self._received[: HEAD.size + size]
            self._take(STREAMS[stream], content)

    def _take(self, name: str, content: bytes) -> None:
        room = self.most_output - self._taken
        self._taken += len(content)
        if len(content) > room and not self._killed_for:
            self._killed_for = "output"
        if room > 0:
            self.on_output(name, content[:room])

    def _drain(self) -> None:
        """Read what was written before the end. Raises SandboxError if that does not come."""
        deadline = time.monotonic() + GONE_WITHIN_SECONDS
        self._selector.modify(self._streams, selectors.EVENT_READ)
        while self._is_open:
            if time.monotonic() > deadline:
                raise SandboxError("Docker Engine did not end the program.")
            self._serve(LOOK_EVERY_SECONDS)
