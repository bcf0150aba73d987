"""`Idempotency-Key`: a request that is sent again, because nobody knows whether the first one came through, is done
once and answered the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Status
from ninja.operation import Operation, ResponseObject

from accounts.models import ApiKey
from hub.models import GivenAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r"[!-~]{1,200}")
# How long an answer is given again.
KEPT = timedelta(hours=48)


class BadKey(ValueError):
    """An Idempotency-Key that cannot be one, or was used for another request; the message is for the client."""


def is_once(operation: Operation) -> bool:
    """Whether it starts or makes something, so that doing it twice matters."""
    return "POST" in operation.methods and not {201, 202}.isdisjoint(operation.response_models)


def once(operation: Operation) -> Callable[..., Any]:
    """The view of an operation, which does nothing twice for one `Idempotency-Key` of one asker.

    What it does and what it answers are written in one transaction: either both have happened, or neither. Of two at
    once, one waits for the other. A refusal is not kept: the same request may be sent again.
    """
    view = operation.view_func

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return view(request, *args, **kwargs)
        if not KEY.fullmatch(key):
            raise BadKey(f"{HEADER} is 1 to 200 printable ASCII characters without spaces, such as a UUID.")
        asker, fingerprint = _asker(request), _fingerprint(request)
        GivenAnswer.objects.filter(made_at__lt=timezone.now() - KEPT).delete()
        given = GivenAnswer.objects.filter(asker=asker, key=key).first()
        if given is None:
            try:
                with transaction.atomic():
                    # First, for its uniqueness decides: another with this key waits here until we are done.
                    given = GivenAnswer.objects.create(asker=asker, key=key, fingerprint=fingerprint)
                    answer = _plain(operation, request, view(request, *args, **kwargs))
                    given.status, given.answer = answer.status_code, answer.value
                    given.save(update_fields=["status", "answer"])
                return answer
            except IntegrityError:
                given = GivenAnswer.objects.filter(asker=asker, key=key).first()
                if given is None:  # it was about something else
                    raise
        if given.fingerprint != fingerprint:
            raise BadKey(f"This {HEADER} was used for another request. Take a new one for each.")
        request.replayed = True
        return Status(given.status, given.answer)

    return asked


def _asker(request: HttpRequest) -> str:
    return f"{'key' if isinstance(request.auth, ApiKey) else 'person'}:{request.auth.pk}"


def _fingerprint(request: HttpRequest) -> str:
    asked = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(asked + request.body).hexdigest()


def _plain(operation: Operation, request: HttpRequest, answer: Any) -> Status:
    """The answer as JSON values, by the schema that the operation answers with."""
    status, value = (answer.status_code, answer.value) if isinstance(answer, Status) else (
        next(iter(operation.response_models)), answer)
    model = operation.response_models[status]
    if model is None:
        return Status(status, None)
    shaped = model.model_validate(ResponseObject(value), context={"request": request, "response_status": status})
    return Status(status, shaped.model_dump(mode="json")["response"])
