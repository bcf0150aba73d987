"""What is shown masked."""

from __future__ import annotations

import pytest

from events.secrets import MASK, is_secret, without_credentials


@pytest.mark.parametrize("name", [
    "DB_PASSWORD", "DB_PASS", "pwd", "API_TOKEN", "client_secret", "STRIPE_API_KEY", "apikey", "api-key", "KEY",
    "ssh-key", "PRIVATE_PEM", "credentials", "GITHUB_AUTH", "cookie", "SENTRY_DSN", "DSN_MAIN",
])
def test_names_of_secrets(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["MODE", "keys", "MONKEY", "KEYBOARD", "PORT", "name", ""])
def test_other_names(name):
    assert not is_secret(name)


@pytest.mark.parametrize(("text", "shown"), [
    ("postgres://me:pw@db:5432/x", f"postgres://{MASK}@db:5432/x"), ("redis://:pw@host/0", f"redis://{MASK}@host/0"),
    ("see http://a:b@c and http://d:e@f", f"see http://{MASK}@c and http://{MASK}@f"),
    ("http://host:80/a@b", "http://host:80/a@b"), ("ssh://git@host/x", "ssh://git@host/x"), ("a:b@c", "a:b@c"),
])
def test_passwords_in_addresses(text, shown):
    assert without_credentials(text) == shown
