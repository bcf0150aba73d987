"""The power is cut while stacks run and a task works, and comes back: what was enabled starts, stacks that should run
are started, and what was under way ends once."""

from __future__ import annotations

import json
from collections.abc import Callable

from hub.tests.drills.production import UNITS, Production


def test_all_comes_back_by_itself(production: Production, tell: Callable[[str], None]):
    marked, other = production.stack("marked"), production.stack("other")
    for project in (marked, other):
        assert production.ended(production.start(project))["state"] == "succeeded"
    status, said = production.ask(f"/api/projects/{marked}", {"autostart": True}, method="PATCH")
    assert status == 200, said
    _, nap = production.ask("/api/tasks", {"job": "demo.sleep", "params": {"seconds": 5, "steps": 5}})
    production.machine.until(lambda: production.ask(f"/api/tasks/{nap['id']}")[1]["state"] == "running", 30, "it waits")
    _, event = production.ask("/api/events", {"subject": f"hub.{hub_id(production)}.shop.sold", "payload": {"n": 1}})
    boot = production.machine.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()
    tell(f"Two stacks run, a task works, an event is written. Boot {boot}. The power is cut.")

    production.machine.cut_power()
    production.machine.boot()
    now = production.machine.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()
    assert now != boot
    tell(f"The power is back. Boot {now}.")
    health = production.well()
    tell(f"Hub says that all is well: {json.dumps(health)}")
    for unit in UNITS:
        tell(f"{unit}: {production.machine.run(f'systemctl is-active {unit}', check=False).stdout.strip()}")
    ended = production.ended(nap["id"])
    assert ended["state"] == "succeeded" and ended["attempt"] == 2, ended
    first = ended["attempts"][0]["error"]
    tell(f"The task that worked: {ended['state']} by attempt {ended['attempt']}; the first: {first}")
    for name, project in (("marked", marked), ("other", other)):
        def running(project: int = project) -> bool:
            return production.ask(f"/api/orchestration/{project}/status")[1]["status"] == "running"

        production.machine.until(running, 60, f"{name} does not run")
        tell(f"Stack {name} runs.")
    _, listed = production.ask(f"/api/events?subject=hub.{hub_id(production)}.shop.sold")
    assert [one["id"] for one in listed["items"]] == [event["id"]]
    tell("The event is there, once.")


def hub_id(production: Production) -> str:
    return production.machine.run("cat /var/lib/hub/hub_id").stdout.strip()
