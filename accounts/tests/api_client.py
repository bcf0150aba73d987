"""A client that speaks to the API as a script does: with a key, in JSON."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.actions import make_key


class ApiClient(Client):
    """Django's client, which sends JSON unless told otherwise. `role` empty: it sends no key."""

    def __init__(self, role: str = "", **options: Any):
        headers = options.pop("headers", {})
        if role:
            key, plain = make_key(f"{role} of a test", role)
            self.key = key
            headers = {"Authorization": f"Bearer {plain}", **headers}
        super().__init__(headers=headers, **options)

    def post(self, path: str, data: Any = None, content_type: str = "application/json", **extra: Any):
        return super().post(path, data, content_type=content_type, **extra)


def error_of(response, status: int) -> dict[str, Any]:
    """The error that an answer holds, after a look at its status and shape."""
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert {"code", "message", "correlation_id"} <= set(error) <= {
        "code", "message", "field", "hint", "position", "expected", "correlation_id"
    }
    assert isinstance(error.get("position", 0), int)
    assert all(isinstance(value, str) and value for name, value in error.items() if name != "position")
    assert error["correlation_id"] == response["X-Correlation-ID"]
    return error
