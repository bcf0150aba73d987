"""What can be wrong with a request about a project."""

from typing import Literal

from projects.engines.base import EngineError
from projects.stacks.spec import StackError


class ProjectError(Exception):
    """A request that cannot be done; nothing was changed.

    `message` is one sentence for the user, `field` names the input it is about, `hint` says what to do.
    `code`: `invalid` input, a `conflict` with what exists, or `forbidden`.
    """

    def __init__(self, message: str, *, field: str = "", hint: str = "",
                 code: Literal["invalid", "conflict", "forbidden"] = "invalid"):
        super().__init__(message)
        self.message, self.field, self.hint, self.code = message, field, hint, code

    @classmethod
    def of_engine(cls, error: EngineError) -> "ProjectError":
        """For what an engine cannot say now, such as one whose Docker does not answer."""
        return cls(error.message, code="conflict", hint=error.detail)

    @classmethod
    def of_stack(cls, error: StackError, field: str = "path") -> "ProjectError":
        """The same error; its sentence already names file and line."""
        return cls(error.message, field=field, hint=error.hint)
