"""Every address that Hub answers, found by walking its resolver."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PARAMETER = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)\??|<(?:\w+:)?(\w+)>")


def every() -> set[str]:
    """All addresses, as they are written: `projects/<int:pk>/start/`."""
    return set(_walk(get_resolver(), ""))


def tables() -> list[ModuleType]:
    """The modules beside this one that say what addresses answer."""
    package = import_module("hub.tests.access")
    names = sorted(one.name for one in pkgutil.iter_modules(package.__path__) if one.name.startswith("table_"))
    return [import_module(f"{package.__name__}.{name}") for name in names]


def covered(table: Mapping[str, Any], address: str) -> str | None:
    """The name under which a table has an address: its own, or that of a part of the site, `rq/*`."""
    if address in table:
        return address
    return next((name for name in table if name.endswith("*") and address.startswith(name[:-1])), None)


def written(address: str, values: Mapping[str, Any]) -> str:
    """The path of an address. The names of `values` are parameters, with what stands before them where that decides
    (`schedules/<int:pk>`), or the bare name of one in a regular expression; what has no value is any number."""
    for name, value in sorted(values.items(), key=lambda item: -len(item[0])):
        if "<" in name:
            address = address.replace(name, name.partition("<")[0] + str(value))
    path = PARAMETER.sub(lambda found: str(values.get(found[1] or found[2], 1)), address)
    return "/" + re.sub(r"[\\^$?]", "", path)


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        address = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield address
        else:
            yield from _walk(one, address)
