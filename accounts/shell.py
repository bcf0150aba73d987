"""Who acts by management commands."""

import getpass
import os


def shell_actor() -> str:
    """`command:<login name>`, as facts and keys name whoever typed a command."""
    try:
        return f"command:{getpass.getuser()}"
    except (KeyError, OSError):  # a uid without a name, as in some containers
        return f"command:uid {os.getuid()}"
