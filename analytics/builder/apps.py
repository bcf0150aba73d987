"""The app of the report builder."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from analytics.builder.percentiles import provide


class BuilderConfig(AppConfig):
    name = "analytics.builder"
    label = "builder"

    def ready(self) -> None:
        connection_created.connect(provide, dispatch_uid="percentiles")
