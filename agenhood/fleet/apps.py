from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "agenhood.fleet"
