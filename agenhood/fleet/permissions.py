"""What members may do with a fleet, and which roles hold it."""

from enum import StrEnum

from workspaces.permissions import grant
from workspaces.roles import Role


class FleetPermission(StrEnum):
    PROJECT_VIEW = "project.view"
    PROJECT_EDIT = "project.edit"
    AGENT_VIEW = "agent.view"
    AGENT_EDIT = "agent.edit"
    PROMPT_VIEW = "prompt.view"
    PROMPT_EDIT = "prompt.edit"
    CREDENTIAL_VIEW = "credential.view"  # names and what is known of a value, never the value
    CREDENTIAL_MANAGE = "credential.manage"
    HISTORY_VIEW = "history.view"
    HISTORY_EXPORT = "history.export"
    ARTIFACT_VIEW = "artifact.view"
    ARTIFACT_DELETE = "artifact.delete"
    HISTORY_EDIT = "history.edit"  # titles of conversations, and which are archived
    HISTORY_DELETE = "history.delete"
    TASK_RUN = "task.run"  # submit, cancel, retry, and answer what an agent asks first
    SCHEDULE_VIEW = "schedule.view"
    SCHEDULE_EDIT = "schedule.edit"
    PRICE_VIEW = "price.view"
    PRICE_EDIT = "price.edit"
    AGENT_FILES_VIEW = "agent_files.view"
    AGENT_FILES_EDIT = "agent_files.edit"


READERS = [Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER]
EDITORS = [Role.OWNER, Role.ADMIN, Role.OPERATOR]

grant(FleetPermission.PROJECT_VIEW, to=READERS)
grant(FleetPermission.PROJECT_EDIT, to=EDITORS)
grant(FleetPermission.AGENT_VIEW, to=READERS)
grant(FleetPermission.AGENT_EDIT, to=EDITORS)
grant(FleetPermission.PROMPT_VIEW, to=READERS)
grant(FleetPermission.PROMPT_EDIT, to=EDITORS)
grant(FleetPermission.CREDENTIAL_VIEW, to=[*EDITORS, Role.AUDITOR])
grant(FleetPermission.CREDENTIAL_MANAGE, to=[Role.OWNER, Role.ADMIN])
grant(FleetPermission.HISTORY_VIEW, to=READERS)
grant(FleetPermission.HISTORY_EXPORT, to=EDITORS)
grant(FleetPermission.ARTIFACT_VIEW, to=READERS)
grant(FleetPermission.ARTIFACT_DELETE, to=[Role.OWNER, Role.ADMIN])
grant(FleetPermission.HISTORY_EDIT, to=EDITORS)
grant(FleetPermission.HISTORY_DELETE, to=[Role.OWNER, Role.ADMIN])
grant(FleetPermission.TASK_RUN, to=EDITORS)
grant(FleetPermission.SCHEDULE_VIEW, to=READERS)
grant(FleetPermission.SCHEDULE_EDIT, to=EDITORS)
grant(FleetPermission.PRICE_VIEW, to=READERS)
grant(FleetPermission.PRICE_EDIT, to=[Role.OWNER, Role.ADMIN])
grant(FleetPermission.AGENT_FILES_VIEW, to=READERS)
grant(FleetPermission.AGENT_FILES_EDIT, to=EDITORS)
