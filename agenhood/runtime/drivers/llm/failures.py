"""What ends a run before the model has its answer, in words for people."""


class Ended(Exception):
    """The task fails; the message says why. `can_retry`: another attempt may fare better."""

    def __init__(self, reason: str, *, can_retry: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.can_retry = can_retry


class Stopped(Exception):
    """`run.stop` has a reason."""
