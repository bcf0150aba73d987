#!/usr/bin/env python3
"""Hub's management commands."""

import os
import sys


def main() -> None:
    settings = "hub.worker_settings" if sys.argv[1:2] == ["worker"] else "hub.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except DatabaseError as error:
        if os.environ.get("HUB_TRACEBACK"):
            raise
        # Whoever types a command is told what to do; HUB_TRACEBACK=1 shows where it happened.
        missing = "no such table" in str(error) or "does not exist" in str(error)
        advice = "Run bin/up once: it sets the database up." if missing else "Is the database running, and not full?"
        sys.exit(f"hub: the database cannot be used: {str(error).splitlines()[0]}. {advice}")


if __name__ == "__main__":
    main()
