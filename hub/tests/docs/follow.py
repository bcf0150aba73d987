"""A shell in which the commands of the documentation mean what they say there: in a checkout, beside a running Hub."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hub.tests.system.running_hub import REPOSITORY, RunningHub

CLIENT = Path(__file__).with_name("command_client.py")
# What `bin/manage` does besides is proven by hub/tests/test_bin_up.py: it finds Python and makes the environment.
SCRIPT = """\
#!/bin/sh
if [ "$HUB_DATA" = "{data}" ]; then exec {python} -I -S {client} {socket} "$@"; fi
exec {python} {root}/manage.py "$@"
"""
# An answer that is no success ends curl with 22, as a reader would take it for a failure.
PRELUDE = """\
set -euo pipefail
curl() {{ command curl --silent --show-error --fail-with-body --max-time 60 "$@"; }}
newest_backup() {{ find mnt/backups -name 'hub-*.tar' | sort | tail -n 1; }}
{before}
set -x
"""


@dataclass
class Shell:
    """Runs commands in `folder`, a stand-in for a checkout, whose `bin/manage` speaks to the Hub."""

    hub: RunningHub
    folder: Path
    server: subprocess.Popen

    def placed(self, text: str) -> str:
        """A text with what stands for something put in: the table of the substitutions."""
        for word, value in {
            "<this repository>": str(REPOSITORY),
            "hub_...": self.hub.key,
            "http://127.0.0.1:9000": self.hub.address,
            "/mnt/backups/hub-<id>-<time>.tar": '"$(newest_backup)"',
            "/mnt/": f"{self.folder}/mnt/",
            "https://hub.example.org": self.hub.address,
        }.items():
            text = text.replace(word, value)
        return text

    def run(self, commands: str, before: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run them by bash, which stops at the first that fails; `before` is the reader's own preparation."""
        script = PRELUDE.format(before=before) + self.placed(commands)
        return subprocess.run(["bash", "-c", script], cwd=self.folder, env={**self.environ, **environ},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    @property
    def environ(self) -> dict[str, str]:
        return {**self.hub.environ, "HOME": str(self.hub.root), "HUB_URL": self.hub.address}


def open_shell(hub: RunningHub, folder: Path) -> Shell:
    """Make the folder, and start the process that its commands are forked from. Who opens it ends `server`."""
    for part in ("examples", "deploy", "docs"):
        (folder / part).symlink_to(REPOSITORY / part)
    for part in ("mnt/backups", "mnt/safe", "bin"):
        (folder / part).mkdir(parents=True)
    shutil.copytree(REPOSITORY / "examples" / "shop", hub.root / "code" / "store")
    socket = folder / "commands"
    script = folder / "bin" / "manage"
    script.write_text(SCRIPT.format(data=hub.data, python=sys.executable, client=CLIENT, socket=socket,
                                    root=REPOSITORY))
    script.chmod(0o755)
    server = subprocess.Popen([sys.executable, "-m", "hub.tests.docs.command_server", str(socket)], cwd=REPOSITORY,
                              env=hub.environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    hub.until(lambda: socket.exists() or server.poll() is not None, 60, "the server of commands does not begin")
    assert server.poll() is None, server.stderr.read()
    return Shell(hub, folder, server)
