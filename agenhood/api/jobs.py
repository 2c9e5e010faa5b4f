"""What is done for the API in the background."""

from agenhood.api.idempotency import forget_old_requests
from workspaces.jobs import each_workspace, periodic_job


@periodic_job("api.forget", cron="37 * * * *")
def forget_answered_requests() -> None:
    each_workspace("forget answers that are not kept any more", forget_old_requests)
