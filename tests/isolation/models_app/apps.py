from django.apps import AppConfig


class IsolationModelsConfig(AppConfig):
    name = "tests.isolation.models_app"
    label = "isolation_models"
