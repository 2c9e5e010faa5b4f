"""Writing what a run has come to, although the database gives no answer for a while."""

import logging
import time
from collections.abc import Callable

from django.db import DataError, InterfaceError, OperationalError, connection

log = logging.getLogger("agenhood.runtime")

RETRY_SECONDS = (0.1, 0.3, 1, 2, 5, 5, 5)

# With these Python's JSON, or PostgreSQL, says that something cannot be stored as it is.
OF_THE_DATA = (DataError, ValueError, TypeError, RecursionError)
PROGRAM_LIMIT_EXCEEDED = "54"  # PostgreSQL's class of errors for what is too large or too deep


def is_of_the_data(error: Exception) -> bool:
    """Tell whether the same would fail again, and something else in its place would not."""
    if isinstance(error, OperationalError):
        state = getattr(error.__cause__, "sqlstate", None) or ""
        return state.startswith(PROGRAM_LIMIT_EXCEEDED)
    return isinstance(error, OF_THE_DATA)


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
            if is_of_the_data(error):
                raise
            connection.close()
            if wait is None:
                raise
            log.warning("%s: %s, again", about, type(error).__name__)
            time.sleep(wait)  # nothing tells when the database is back
