from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "agenhood.runtime"
    label = "runtime"
