"""The accounts app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from accounts.permissions import grant_permissions


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        post_migrate.connect(grant_permissions, dispatch_uid="accounts.grant_permissions")
