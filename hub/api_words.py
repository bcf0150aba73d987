"""What is wrong with a field of a request, in Hub's words: what it must be, and what to do."""

from __future__ import annotations

from typing import Any

DOCS = "The fields and what they take stand at /api/docs."
MOMENT = "Write it as 2026-11-22T15:00:00Z, or with another offset from UTC."
NUMBER = "Write a number without quotes, such as 5."
TEXT = 'Write a text in quotes, such as "5".'
UUID = "Write it as 1b4e28ba-2fa1-41d2-883f-0016d3cca427."

# By the type of what the validation found: what follows the name of the field, and the hint. Values in braces come
# from what it says beside that.
WORDS = {
    "missing": ("is missing", DOCS),
    "extra_forbidden": ("is not a field here", DOCS),
    "string_type": ("must be a text", TEXT),
    "string_too_long": ("may have at most {max_length} characters", "Shorten it."),
    "string_too_short": ("must have at least {min_length} characters", "Write more."),
    "string_pattern_mismatch": ("does not have the right form", DOCS),
    "int_type": ("must be a whole number", NUMBER),
    "int_parsing": ("must be a whole number", NUMBER),
    "int_parsing_size": ("is too large a number", "Use a smaller one."),
    "int_from_float": ("must be a whole number", NUMBER),
    "float_type": ("must be a number", NUMBER),
    "float_parsing": ("must be a number", NUMBER),
    "finite_number": ("must be a finite number", NUMBER),
    "bool_type": ("must be true or false", "Write true or false without quotes."),
    "bool_parsing": ("must be true or false", "Write true or false."),
    "greater_than_equal": ("must be at least {ge}", "Use a larger number."),
    "greater_than": ("must be more than {gt}", "Use a larger number."),
    "less_than_equal": ("may be at most {le}", "Use a smaller number."),
    "less_than": ("must be less than {lt}", "Use a smaller number."),
    "enum": ("must be one of these: {expected}", "Use one of them, as it is written."),
    "literal_error": ("must be one of these: {expected}", "Use one of them, as it is written."),
    "uuid_type": ("must be a UUID", UUID),
    "uuid_parsing": ("must be a UUID", UUID),
    "timezone_aware": ("must say its offset from UTC", MOMENT),
    "list_type": ("must be a list", "Put it into square brackets."),
    "dict_type": ("must be an object", "Put it into curly brackets."),
    "model_type": ("must be an object", "Put it into curly brackets."),
    "model_attributes_type": ("must be an object", "Put it into curly brackets."),
    "too_long": ("may have at most {max_length} items", "Take some away."),
    "too_short": ("must have at least {min_length} items", "Add some."),
}
# Types that come in many kinds, by how they begin.
KINDS = {
    "datetime_": ("must be a time", MOMENT),
    "date_": ("must be a day", "Write it as 2026-11-22."),
    "uuid_": ("must be a UUID", UUID),
    "int_": ("must be a whole number", NUMBER),
    "float_": ("must be a number", NUMBER),
    "bool_": ("must be true or false", "Write true or false."),
    "string_": ("must be a text", TEXT),
}
OWN = "Value error, "


def told(found: dict[str, Any], field: str) -> tuple[str, str]:
    """The message and the hint for what a validation found (pydantic's `type`, `msg`, `ctx`) about a field; without a
    field it is the body."""
    kind, name = found["type"], field or "The body"
    if kind == "value_error":  # in our own words already
        return f"{name}: {found['msg'].removeprefix(OWN).rstrip('.')}.", DOCS
    said, hint = WORDS.get(kind) or next(
        (words for begin, words in KINDS.items() if kind.startswith(begin)), ("is not what it must be", DOCS))
    context = {name: str(value).replace("'", "").replace(" or ", ", ") for name, value in found.get("ctx", {}).items()}
    return f"{name} {said.format(**context)}.", hint
