from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from accounts import master_key
        from workspaces import checks  # noqa: F401 - registers the system checks
        from workspaces.audit import export, stub  # noqa: F401 - export registers itself
        from workspaces.secrets import key_check, keys  # noqa: F401 - the same

        master_key.on_rotation("workspaces' keys", keys.rewrap_all)
        master_key.on_rotation("stubs of audit trails", stub.resign_all)

        autodiscover_modules("permissions", "sections", "home", "exports", "jobs")
        from workspaces.exports import jobs  # noqa: F401 - registers them
