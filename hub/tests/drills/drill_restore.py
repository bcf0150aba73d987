"""A backup is taken to a second machine, which has nothing else, and restored there: the two are compared."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from hub.tests.drills.production import Production
from hub.tests.drills.production import production as production_host
from hub.watch import WATCH_STALE

KEYS = "/mnt/hub-keys.json"


def test_the_second_machine_is_the_first(production: Production, tell: Callable[[str], None]):
    shop = production.stack("shop")
    status, said = production.ask(f"/api/projects/{shop}", {"env": {"TOKEN": "kept secret"}}, method="PATCH")
    assert status == 200, said
    assert production.ended(production.start(shop))["state"] == "succeeded"
    made = json.loads(production.manage("backup", "create", "--verify", "--json"))
    production.machine.run(f"install -d -o hub /mnt/keys && rm -f {KEYS}")
    production.manage("backup", "keys", "/mnt/keys/hub-keys.json")
    tell(f"Backup: {made['file']}, {made['size']:,} bytes, verified: {made['verified']}")
    backup = production.machine.path(made["file"]).read_bytes()
    keys = production.machine.path("/mnt/keys/hub-keys.json").read_bytes()
    listed = production.ask("/api/tasks?limit=200")[1]["items"]
    production.machine.cut_power()
    tell("The first machine is lost.")

    with production_host() as second:
        tell("A second one is set up by the guide.")
        second.machine.run("systemctl stop hub-web hub-watch hub-worker@1 hub-worker@2")
        second.machine.path("/mnt/backup.tar").write_bytes(backup)
        second.machine.path("/mnt/hub-keys.json").write_bytes(keys)
        second.machine.run("chown hub /mnt/backup.tar /mnt/hub-keys.json")
        heartbeat = second.machine.path("/var/lib/hub/watch.heartbeat")
        second.machine.until(lambda: time.time() - heartbeat.stat().st_mtime > WATCH_STALE, 30, "its watch works")
        said = second.manage("restore", "/mnt/backup.tar", "--keys", KEYS, "--replace", "--definitions",
                             "/var/lib/hub/definitions")
        tell(said.strip())
        second.machine.run("install -d -o hub /srv/shop && cp -p /var/lib/hub/definitions/shop/Procfile /srv/shop/ && "
                           "systemctl start hub-web hub-watch hub-worker@1 hub-worker@2")
        second.key = production.key
        second.well()
        found = {one["id"]: one["state"] for one in second.ask("/api/tasks?limit=200")[1]["items"]}
        assert {one["id"]: one["state"] for one in listed}.items() <= found.items()
        tell(f"The first machine's key opens it; its {len(listed)} tasks are there.")
        env = second.manage("shell", "--no-imports", "-c",
                            "'from projects.environment import load; from projects.models import Project; "
                            "print(load(Project.objects.get()))'")
        assert "kept secret" in env
        tell("The environment of its project can be read.")

        def running() -> bool:
            return second.ask(f"/api/orchestration/{shop}/status")[1]["status"] == "running"

        second.machine.until(running, 90, "its stack does not run")
        tell("Its stack, which should run, was started.")
        doctor = second.manage("doctor")
        assert "FAIL" not in doctor
        tell(f"doctor:\n{doctor}")
