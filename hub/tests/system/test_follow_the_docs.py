"""Somebody types every command that the documentation has, in the order of each page, on a real Hub."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from hub.env import ROOT
from hub.tests.docs.follow import Shell, open_shell
from hub.tests.docs.pages import Block, blocks, pages
from hub.tests.system.running_hub import RunningHub

# Lines that are not run here, and why. Each has to stand in a block of its page; all are looked at by
# hub/tests/docs/test_docs_are_true.py.
A_HOST = "changes a host as root; hub/tests/drills/production.py reads these lines there and runs them word by word"
IMAGES = "needs images and a host of its own; hub/tests/test_run_in_containers.py builds and starts them"
FOREVER = "runs until it is stopped; hub/tests/system/test_two_hosts.py runs it on a second node"
LEFT_OUT = {
    "README.md": {
        "bin/up": "hub/tests/test_bin_up.py runs the script in a clone; the Hub that it starts is the one of this test",
        "bin/test": "this test is part of it",
    },
    "docs/testing.md": {
        "FUZZ_EXAMPLES=100": "takes ten minutes; hub/tests/test_fuzz_the_api.py runs with fewer questions",
    },
    "docs/backup.md": {
        "bin/up": "a second Hub here; hub/tests/test_back_up_and_restore.py looks at what was restored",
    },
    "docs/install.md": dict.fromkeys(
        ("useradd", "install -d", "git clone", "runuser", "/opt/hub/source/bin/deploy", "cp /opt/hub", "systemctl",
         "systemd-run", "cd /opt/hub", "bin/deploy"), A_HOST),
    "docs/deployment.md": {"docker compose": IMAGES, "git pull": IMAGES, "install -d": IMAGES},
    "docs/many-hosts.md": {"bin/manage worker": FOREVER, "bin/manage watch": FOREVER},
}
# What else may be run: no command of a page may change the machine that the tests run on.
ALLOWED = ("bin/manage ", "curl ", "export ", "python3 examples/", "sh examples/", "git clone <this repository>", "cd ",
           "install -m 0600 deploy/containers.env .env", "promtool check rules deploy/")
# What a reader has done before the page, or what it says of the way.
BEFORE = {
    "docs/backup.md": {"bin/manage restore": 'export HUB_DATA="$PWD/other" HUB_ID='},
}
# What ends with 1 where something is not well, as their pages say: on a machine as busy as that of tests it may be.
MAY_SAY_NO = ("bin/manage doctor", "bin/manage alert list")
RUN = [block for page in pages() for block in blocks(page) if block.language == "sh"]


@pytest.fixture(scope="module")
def shell(hub: RunningHub, tmp_path_factory) -> Iterator[Shell]:
    if shutil.which("curl") is None:
        pytest.skip("No curl is here: install the package curl.")
    folder = tmp_path_factory.mktemp("checkout")
    opened = open_shell(hub, folder)
    yield opened
    opened.server.terminate()
    opened.server.wait(10)


def _left_out(block: Block, command: str) -> bool:
    return any(command.startswith(word) for word in LEFT_OUT.get(block.page, {}))


@pytest.mark.parametrize("block", RUN, ids=str)
def test_commands_do_what_they_say(shell: Shell, block: Block):
    commands = [command for command in block.commands() if not _left_out(block, command)]
    unknown = [command for command in commands if not command.startswith(ALLOWED)]
    assert not unknown, f"{block}: may these be run here? Then add them to ALLOWED, else to LEFT_OUT: {unknown}"
    before = next((words for start, words in BEFORE.get(block.page, {}).items() if block.text.startswith(start)), "")
    commands = [f"{one} || [ $? = 1 ]" if one.startswith(MAY_SAY_NO) else one for one in commands]
    done = shell.run("\n".join(commands), before)
    assert done.returncode == 0 and "Traceback" not in done.stderr, f"{block}\n{done.stdout}\n{done.stderr}"


def test_what_is_left_out_or_prepared_is_there():
    for table in (LEFT_OUT, BEFORE):
        for page, words in table.items():
            said = [command for block in blocks(page) if block.language == "sh" for command in block.commands()]
            for word in words:
                assert any(command.startswith(word) for command in said), f"{page} has no {word}: take it out"
    for reason in {reason for words in LEFT_OUT.values() for reason in words.values()}:
        assert all((ROOT / path).is_file() for path in re.findall(r"\S+\.py", reason)), reason
