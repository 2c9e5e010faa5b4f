"""What is done for the fleet in the background."""

from agenhood.fleet.actions.artifact import forget_files_without_artifact
from workspaces.jobs import each_workspace, periodic_job


@periodic_job("artifact.sweep", cron="43 3 * * *")
def sweep_artifacts() -> None:
    each_workspace("remove files whose artifact is gone", forget_files_without_artifact)
