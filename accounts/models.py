"""Keys and one-time sign-in links. People are Django's own users, roles are Django's own groups."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.permissions import Role


class ApiKey(models.Model):
    """A key for scripts. Only a hash of its secret is kept; the key itself is shown once, when it is made."""

    public_id = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=100)
    secret_hash = models.CharField(max_length=64)
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200)
    last_used_at = models.DateTimeField(null=True, blank=True)
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


class SignInLink(models.Model):
    """A link that signs one person in, once, for 15 minutes. Only a hash of its token is kept."""

    token_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Sign-in link of {self.created_at:%Y-%m-%d %H:%M}"
