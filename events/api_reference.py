"""What the document of the API says of an operation beside its types. Each app that has operations says it in a module
`api_reference`, as `REFERENCE`: an `Entry` by the name of the operation (that of its view)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """`answer` and `request` are examples, None where there is no JSON. `query`: an example of parameters. `errors`: in
    words, by status, the refusals that are this operation's own; those that every operation has are not named."""

    answer: Any = None
    request: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)


def part(*items: Any, **more: Any) -> dict[str, Any]:
    """A list that has no other part."""
    return {"items": list(items), "next_cursor": None, **more}
