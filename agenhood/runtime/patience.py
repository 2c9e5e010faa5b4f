"""Writing what a run has come to, although the database gives no answer for a while."""

import logging
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger("agenhood.runtime")

RETRY_SECONDS = (0.1, 0.3, 1, 2, 5, 5, 5)


def patiently(write: Callable[[bool], None], about: str) -> None:
    """Write, again on a new connection while the database does not answer.

    `write` is told whether it is repeated: of a connection that broke it is not known whether the
    commit came to be. `about` is for the log. Raises what the last attempt raised.
    """
    for number, wait in enumerate([*RETRY_SECONDS, None]):
        try:
            write(number > 0)
            return
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if wait is None:
                raise
            log.warning("%s: %s, again", about, type(error).__name__)
            time.sleep(wait)  # nothing tells when the database is back
