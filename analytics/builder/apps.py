"""The app of the report builder."""

from django.apps import AppConfig


class BuilderConfig(AppConfig):
    name = "analytics.builder"
    label = "builder"
