"""What can be wrong with a question."""

from __future__ import annotations


class BadQuestion(ValueError):
    """A question that cannot be answered. `field` says which part of it, `hint` what could be asked instead."""

    def __init__(self, message: str, field: str, hint: str = ""):
        super().__init__(f"{message} {hint}".strip())
        self.message, self.field, self.hint = message, field, hint
