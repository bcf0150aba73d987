"""Keys, one-time links, sessions, and who may see which projects. People are Django's own users, roles are Django's own
groups. Projects belong to an app above this one: here they are numbers."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from accounts.permissions import Role, role_of_scopes


class ApiKey(models.Model):
    """A key for scripts. Only a hash of its secret is kept; the key itself is shown once, when it is made.

    `projects`: the numbers of those that it may see, None for all; `payloads`: whether it is told parameters,
    environments and logs.
    """

    public_id = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=100)
    secret_hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    projects = models.JSONField(null=True, blank=True)
    payloads = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200)
    rotated_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_address = models.CharField(max_length=64, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(revoked_at=None), name="one_live_key_of_a_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (hub_{self.public_id}_…)"

    @property
    def role(self) -> Role | None:
        """The role whose work it may do; None for one that may only publish."""
        return role_of_scopes(self.scopes)

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class SignInLink(models.Model):
    """A link that signs one person in, once, for a while. Only a hash of its token is kept. `password`: it is for
    choosing a new password, and the old one is no longer good."""

    token_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    password = models.BooleanField(default=False)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Sign-in link of {self.created_at:%Y-%m-%d %H:%M}"


class Access(models.Model):
    """What is less than the role of somebody allows; without a row nothing is.

    `limited`: sees no project but those granted; `payloads`: is told parameters, environments and logs.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="access")
    limited = models.BooleanField(default=False)
    payloads = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "access"

    def __str__(self) -> str:
        return f"Access of {self.user}"


class Grant(models.Model):
    """The role of somebody on one project."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="grants")
    project = models.BigIntegerField()
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "project"], name="one_grant_on_a_project")]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} on project {self.project}"


class Session(AbstractBaseSession):
    """Somebody's browser. `session_key` is a hash of what the browser holds: nobody comes in with what stands here."""

    session_key = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="browsers")
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user} from {self.address}"
