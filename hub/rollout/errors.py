"""What stops a deploy."""


class RolloutError(Exception):
    """A step has failed. The message is what the operator reads: what is wrong, where, and what to do."""


class Refused(RolloutError):
    """It cannot be begun, and nothing was changed."""


class Busy(RolloutError):
    """Another deploy is at work."""
