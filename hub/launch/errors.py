"""What stops a start."""


class LaunchError(Exception):
    """Hub cannot start. The message is one line for the user: what is wrong, where, and what to do."""
