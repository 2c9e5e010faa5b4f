"""What members may do with a fleet, and which roles hold it."""

from enum import StrEnum

from workspaces.permissions import grant
from workspaces.roles import Role


class FleetPermission(StrEnum):
    PROJECT_VIEW = "project.view"
    PROJECT_EDIT = "project.edit"


grant(FleetPermission.PROJECT_VIEW, to=[Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER])
grant(FleetPermission.PROJECT_EDIT, to=[Role.OWNER, Role.ADMIN, Role.OPERATOR])
