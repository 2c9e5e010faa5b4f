"""Lets the run go before whatever else the machine does, where the user may ask for that (root)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench.server import Server

# A control group does not take in who has it, and of many processes that share the processors each
# would keep one for itself too long; a browser is a crowd of them.
PARTS_WITHOUT = ("switch", "sandbox", "queue", "first_event", "live", "events")


@contextmanager
def before_others(server: Server) -> Iterator[bool]:
    """Give this process and new connections to the server real-time priority for a block.

    Otherwise each wait for the database is also one for a processor, on a busy machine. Yields
    whether it was allowed.
    """
    processes = [os.getpid(), server.postgres.pid() or os.getpid()]
    try:
        for process in processes:
            os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        for process in processes:
            os.sched_setscheduler(process, os.SCHED_OTHER, os.sched_param(0))
