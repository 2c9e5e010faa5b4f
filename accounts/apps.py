from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import master_key, second_factor

        master_key.on_rotation("second factors", second_factor.reseal_all)
