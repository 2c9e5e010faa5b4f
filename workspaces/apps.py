from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from workspaces import checks  # noqa: F401 - registers the system checks

        autodiscover_modules("permissions", "sections", "home")
