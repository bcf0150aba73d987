"""What can be said of a service's command without being a shell."""

from __future__ import annotations

import re

PLAIN_WORD = re.compile(r"[A-Za-z0-9_./+-]+")
# With one of these, what runs first, and whether it has to exist, is for the shell to say.
SHELL_SIGNS = re.compile(r"[|;&()<>`\n]")
SHELL_WORDS = frozenset((
    ".", ":", "[", "alias", "bg", "break", "case", "cd", "command", "continue", "do", "done", "echo", "elif", "else",
    "esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for", "getopts", "hash", "if", "in", "jobs",
    "kill", "local", "printf", "pwd", "read", "readonly", "return", "set", "shift", "test", "then", "times", "trap",
    "true", "type", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
))


def program_of(command: str) -> str:
    """The program that a simple command runs; empty when the shell has more to do than to run one program."""
    words = command.split(None, 1)
    if not words or SHELL_SIGNS.search(command) or not PLAIN_WORD.fullmatch(words[0]) or words[0] in SHELL_WORDS:
        return ""
    return words[0]


def for_shell(command: str) -> str:
    """The command as it is given to `/bin/sh -c`: a simple one replaces the shell, so that the service itself is the
    watched process, and its own end is what is seen."""
    return f"exec {command.strip()}" if program_of(command) else command
