"""How a query may go on: what the box offers while somebody types."""

from __future__ import annotations

from tasks.search.qualifiers import KINDS

MOST = 12


def suggest(text: str) -> list[str]:
    """Whole queries that begin with what was typed: the last word as a qualifier, or its values. At most 12."""
    head, _, last = text[:500].rpartition(" ")
    before, sign = f"{head} " if head else "", ""
    if last.startswith("-"):
        sign, last = "-", last[1:]
    name, colon, value = last.partition(":")
    if not colon:
        begun = [kind.example for kind in KINDS.values() if last and kind.name.startswith(last.lower())]
        return [f"{before}{sign}{example}" for example in [*begun, *(["name:start"] if "name".startswith(last) and last
                                                                     else [])]][:MOST]
    kind = KINDS.get(name.lower())
    if kind is None:
        return []
    *chosen, begun = value.split(",")
    listed = "".join(f"{each}," for each in chosen)
    choices = [f"{kind.name}:{listed}{choice}" for choice in kind.choices if choice.startswith(begun)]
    return [f"{before}{sign}{choice}" for choice in choices or ([] if kind.choices or value else [kind.example])][:MOST]
