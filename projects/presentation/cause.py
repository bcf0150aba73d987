"""What most likely made a service fail, and what to do about it: read from its end and its last lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Cause(NamedTuple):
    """`text` is the probable cause, `action` what to do next; each a sentence or two."""

    text: str
    action: str


class _Known(NamedTuple):
    """`boxed`: what to do in its place where it runs in a container."""

    text: str
    action: str
    boxed: str = ""

    def cause(self, text: str, *, containers: bool) -> Cause:
        return Cause(text, self.boxed if containers and self.boxed else self.action)


# By the first of these that stands in a line, the newest line first; `{}` is what the pattern's group found.
_SAID = tuple((re.compile(pattern, re.IGNORECASE), _Known(*known)) for pattern, *known in (
    (r"address already in use|EADDRINUSE|port is already allocated|only one usage of each socket",
     "Another process listens on the port that it wants.",
     "Let its command listen on $PORT, which nobody else has; or end the process that has the port.",
     "Two programs in the container, or containers that share a network, want the same port: let one use another."),
    (r"No module named '?([\w.\-]+)|Cannot find module '?([@\w./\-]+)|cannot load such file -- (\S+)|"
     r"error while loading shared libraries: ([\w.\-]+)",
     "{} is not installed where it runs.",
     "Install it in the project’s folder, or name the right interpreter in the command (such as .venv/bin/python).",
     "Install it in the Dockerfile, or take an image that has it; a mount may also hide what the image has there."),
    (r"KeyError: 'PORT'|\bPORT: (?:unbound variable|parameter not set)",
     "It wants to be told its port, and Hub does not know that it listens on one.",
     "Put # hub: port into the line above it in the Procfile; its port is then in $PORT.",
     "Set PORT under environment in the Compose file."),
    (r"KeyError: '([A-Z][A-Z0-9_]*)'|([A-Z][A-Z0-9_]*): (?:unbound variable|parameter not set)|"
     r"\b([A-Z][A-Z0-9_]{2,})\b['\"]? (?:is|was|must be|has to be)? ?(?:not set|set|missing|required|undefined)\b|"
     r"(?:missing|required|undefined|no) (?:required )?(?:environment |env )?variable:? ['\"]?([A-Z][A-Z0-9_]*)",
     "The variable {} is not set.",
     "Set it on the tab Environment, or in the folder’s .env, and start again.",
     "Give it to the service under environment: in the Compose file; its value may stand on the tab Environment."),
    (r"No space left on device|ENOSPC|Disk quota exceeded|database or disk is full",
     "The disk is full.",
     "Make room on the disk, and start again. The tab Usage says what this project keeps there."),
    (r"MemoryError|out of memory|\bOOM\b|Cannot allocate memory|heap limit|std::bad_alloc",
     "Memory ran out.",
     "Give it more memory or less to do; the tab Usage shows what it used."),
    (r"Permission denied|EACCES|PermissionError|Operation not permitted|EPERM",
     "It may not use something that it needs: a file, a folder or a port.",
     "The line above names it: change its rights, so that the user Hub runs as may use it.",
     "The line above names it: change its rights, in the image or where it is mounted from, for the user of the "
     "container."),
    (r"Connection refused|ECONNREFUSED|could not connect to|Name or service not known|ENOTFOUND",
     "Something that it calls does not answer.",
     "See that it is up and at that address. A service of this project can be waited for: # hub: depends_on=NAME.",
     "See that it is up, and call it by the name of its service. To wait for it: depends_on with service_healthy."),
    (r"\b(SyntaxError|IndentationError|ParseError|TabError)\b",
     "Its code cannot be read: {}.",
     "Correct the place that the lines below name, and start again."),
    (r"can't open file '?([^':]+)|No such file or directory:? '?([^'\n]+)|ENOENT[^'\n]*'([^']+)'|"
     r"No such file or directory",
     "A file is missing: {}.",
     "Put it there, or correct the command. Paths count from the project’s folder.",
     "Copy it into the image, mount it, or correct the command. Paths count from working_dir in the container."),
))
_ENDED = (
    (re.compile(r"memory limit"),
     _Known("It needs more memory than the Compose file allows it.",
            "Raise its mem_limit (or deploy.resources.limits.memory), or give it less to do; the tab Usage shows what "
            "it used.")),
    (re.compile(r"health check fails"),
     _Known("It runs, but what asks it is not satisfied.",
            "Run the check by hand (docker compose exec) and read its log. One that only needs longer: start_period or "
            "retries under healthcheck.")),
    (re.compile(r"code 127\b"), _Known("Its command does not exist here.",
                                       "Install the program, or write its full path into the Procfile.",
                                       "Install the program in the image, or correct command or entrypoint.")),
    (re.compile(r"code 126\b"), _Known("Its command may not be run.", "Make it executable: chmod +x.",
                                       "Make it executable in the image: RUN chmod +x.")),
    (re.compile(r"code 137\b|SIGKILL|OOM", re.IGNORECASE),
     _Known("It was killed from outside. When nobody did that, the system had no memory left and chose it.",
            "The system’s log says so (journalctl -k, “Out of memory”); the tab Usage shows what it used.")),
    (re.compile(r"SIGSEGV|SIGABRT|SIGBUS|SIGILL|code 139\b|code 134\b"),
     _Known("The program itself crashed.", "Look for a newer version of it, or of a library that it loads.")),
    (re.compile(r"SIGTERM|SIGINT|code 143\b|code 130\b"),
     _Known("Somebody asked it to end.", "Start it again; the events say who did what.")),
    (re.compile(r"did not answer|did not become ready|has not become ready"),
     _Known("It runs, but nothing answers where Hub asks.",
            "Let it listen on $PORT at 127.0.0.1 or 0.0.0.0. If it only needs longer: # hub: ready_timeout=120; "
            "if it listens on no port: # hub: no-port.",
            "Let it listen on 0.0.0.0 in its container, at the port that the file publishes. If it only needs longer: "
            "the label hub.ready.timeout.")),
    (re.compile(r"code 0\b"),
     _Known("It ended by itself, without an error.",
            "A service has to stay in the foreground. If it is a step that ends, mark it: # hub: one-shot.",
            "A service has to stay in the foreground. If it is a step that ends: the label hub.kind: one-shot.")),
)


def cause_of(reason: str, lines: Sequence[str], *, containers: bool = False) -> Cause | None:
    """The probable cause of an end that `reason` tells, with the last `lines` of the log; None when nothing points to
    one. `containers`: it ran in one."""
    for line in reversed(lines):
        for pattern, known in _SAID:
            if match := pattern.search(line):
                named = next((group for group in match.groups() if group), "")
                text = known.text.format(named) if named else known.text.replace(": {}", "").replace("{}", "Something")
                return known.cause(text, containers=containers)
    found = next((known for pattern, known in _ENDED if pattern.search(reason)), None)
    return found.cause(found.text, containers=containers) if found else None
