"""REST: a token for a few minutes, from a key."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status
from ninja.errors import AuthorizationError, HttpError
from pydantic import ConfigDict

from accounts.actions import AccountError
from accounts.api_auth import allow_any_key
from accounts.models import ApiKey
from accounts.permissions import Scope
from accounts.tokens import LONGEST, SHORTEST, USUAL, make_token

router = Router(tags=["Keys"], auth=allow_any_key())


class TokenIn(Schema):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scopes": ["read"], "seconds": 600}]})

    scopes: list[Scope] = Field([], max_length=4, description="some of the key's; without them all")
    seconds: int = Field(USUAL, ge=SHORTEST, le=LONGEST, strict=True, description="for how long it is good")


class TokenOut(Schema):
    token: str = Field(description="a JSON Web Token; send it as `Authorization: Bearer <token>`")
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description="seconds")
    scopes: list[Scope]


@router.post("", response={201: TokenOut}, url_name="token", summary="Make a token from a key")
def make_token_from_key(request: HttpRequest, body: TokenIn | None = None):
    """A token that may do what the key may, or less, for 15 minutes. A token makes no token: send the key itself."""
    key: ApiKey = request.auth
    if getattr(key, "by_token", False):
        raise AuthorizationError(message="A token makes no token: send the key itself.")
    body = body or TokenIn()
    try:
        token, scopes = make_token(key, body.scopes, body.seconds)
    except AccountError as error:
        raise HttpError(403, error.message) from None
    return Status(201, {"token": token, "token_type": "Bearer", "expires_in": body.seconds, "scopes": scopes})
