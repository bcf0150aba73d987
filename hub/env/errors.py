"""What stops a start."""


class EnvError(Exception):
    """A variable that cannot be used: `message` names it, what is wrong and what would be right."""
