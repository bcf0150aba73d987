"""Deploys that go wrong: a version that does not come, one that is not well, one killed half-way, two at once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from hub.tests.drills.production import UNITS, Production

NEVER_COMES = """
    def handle(self, *args, **options):
        if options["socket"] is not None:
            raise RuntimeError("this version answers on trial only")
        serve(port.listen(settings.ENV.host, settings.ENV.port))
"""


def pids(production: Production) -> dict[str, str]:
    return {unit: production.machine.run(f"systemctl show --property=MainPID --value {unit}").stdout for unit in UNITS}


def test_what_does_not_come_is_taken_back(production: Production, tell: Callable[[str], None]):
    running, now = pids(production), production.well()["version"]
    production.release("0.1.2", hub__management__commands__web=NEVER_COMES)
    with production.asked() as told:
        said = production.deploy(code=1)
    assert "was taken back" in said and "The database was not changed." in said, said
    assert told["failures"] == [] and told["versions"] == [now], told
    # Nobody but the new web was ever started.
    assert pids(production) == running and production.well()["version"] == now
    tell(f"A version whose web does not come: {told['asked']} requests, none failed, {now} runs as before.\n{said}")


def test_what_is_not_well_in_its_place_is_taken_back(production: Production, tell: Callable[[str], None]):
    now = production.well()["version"]
    production.release("0.1.3", hub__management__commands__watch="\nraise RuntimeError('this watch does not start')\n")
    with production.asked() as told:
        said = production.deploy("--patience", "20", code=1)
    assert "was taken back" in said, said
    assert told["failures"] == [] and told["versions"] == [now, "0.1.3"], told
    assert production.well()["version"] == now
    tell(f"A version whose watch does not start: {told['asked']} requests, none failed.\n{said}")


def test_one_that_was_killed_is_finished_by_the_next(production: Production, tell: Callable[[str], None]):
    production.release("0.1.4")
    for when in ("build ", "backup ", "migrate ", "switch ", "hand over ", "restart "):
        with production.machine.begin("/opt/hub/source/bin/deploy", stdin=subprocess.DEVNULL, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                if when in line:
                    production.machine.run("kill -9 $(pgrep -f 'hub.[r]ollout')")
                    break
        found = production.ask("/health")
        tell(f"Killed after {when.strip()}: {line.strip()}; /health: {found[0]}, version {found[1]['version']}.")
        assert found[0] == 200
    said = production.deploy()
    assert production.well()["version"] == "0.1.4", said
    tell(f"Then again:\n{said}")


def test_the_second_of_two_at_once_ends(production: Production, tell: Callable[[str], None]):
    production.release("0.1.5")
    second: list[str] = []
    production.deploy(when="build ", then=lambda: second.append(production.deploy(code=3)))
    assert "Another deploy is at work" in second[0]
    tell(f"Two at once: {second[0].strip()}")


def test_the_way_back(production: Production, tell: Callable[[str], None]):
    before = production.well()["version"]
    production.release("0.1.6")
    production.deploy()
    with production.asked() as told:
        said = production.deploy("--rollback")
    assert told["failures"] == [] and told["versions"] == ["0.1.6", before], told
    tell(f"Back from 0.1.6 to {before}: {told['asked']} requests, none failed.\n{said}")
