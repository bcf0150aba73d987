"""JSON as the API reads and writes it: strict where it reads, one form of time where it writes."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from pathlib import PurePath
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.errors import HttpError
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from ninja.responses import NinjaJSONEncoder

from events.times import iso

UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class BadJson(ValueError):
    """A body that is not JSON; the message says what is wrong, and where."""


class StrictParser(Parser):
    """Takes JSON only, in UTF-8, without what no database could keep: NaN, zero bytes, half characters."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            data = json.loads(request.body.decode(), parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            raise BadJson(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from None
        except UnicodeDecodeError as error:
            raise BadJson(f"Byte {error.start} is not valid UTF-8.") from None
        except RecursionError:
            raise BadJson("It is nested too deeply.") from None
        except ValueError as error:  # a number of thousands of digits, NaN
            raise BadJson(f"{error}.") from None
        _check_storable(data)
        return data

    def parse_querydict(self, data: MultiValueDict, list_fields: list[str], request: HttpRequest) -> dict[str, Any]:
        for name, values in data.lists():
            if "\0" in name or any("\0" in value for value in values):
                raise HttpError(400, "The address has a zero byte in it.")
        return super().parse_querydict(data, list_fields, request)


class HubEncoder(NinjaJSONEncoder):
    """Django's own encoder cuts times to milliseconds; here they keep all six decimals."""

    def default(self, o: Any) -> Any:
        if isinstance(o, datetime):
            return iso(o)
        if isinstance(o, PurePath):
            return str(o)
        return super().default(o)


class HubRenderer(JSONRenderer):
    encoder_class = HubEncoder


def _no_constant(name: str) -> None:
    raise BadJson(f"{name} is not a number in JSON")


def _check_storable(data: Any) -> None:
    """BadJson when a text or number in `data` cannot be stored. Without recursion: depth is the client's choice."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.keys()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            if UNSTORABLE.search(value):
                raise BadJson("A text has a zero byte (\\u0000) or half a character (a lone surrogate) in it.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise BadJson("A number is too large.")
