"""The driver `llm`: a model works with tools until it has an answer.

The loop and the model's key stay in the worker; only the tools run in the sandbox. What speaks to
models is imported when the first task needs it: it is large, and a web process never does.
"""

from agenhood.runtime.run import Outcome, Run


def run(run: Run) -> Outcome:
    """Run a task, or go on with one, until it ends, waits for answers or is to stop.

    Where `run.stop` has a reason, the outcome's state is what that reason alone would make of it,
    and QUEUED where another run is to go on from the outcome's messages. Raises nothing.
    """
    from agenhood.runtime.drivers.llm.loop import work

    return work(run)
