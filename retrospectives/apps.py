"""The app of sprint metrics and retrospective reports."""

from django.apps import AppConfig


class RetrospectivesConfig(AppConfig):
    name = "retrospectives"
