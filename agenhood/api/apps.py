from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "agenhood.api"
    label = "api"
