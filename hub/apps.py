"""The composition root."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class HubConfig(AppConfig):
    name = "hub"

    def ready(self) -> None:
        autodiscover_modules("audit", "audit_admin")
