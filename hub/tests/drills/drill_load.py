"""A new version is deployed on a production host while it is asked without a pause: no request fails."""

from __future__ import annotations

from collections.abc import Callable

from hub.tests.drills.production import Production

# What was put there is looked at by name, kind and target: a deploy that is only talked about leaves all as it is.
SNAPSHOT = "find /opt/hub /etc/systemd/system -not -path '*/source/.git*' -printf '%p %y %l %C@\\n' | sort"


def test_a_new_version_is_deployed_and_no_request_fails(production: Production, tell: Callable[[str], None]):
    shop = production.stack("shop")
    production.release("0.1.1")
    before = production.machine.run(SNAPSHOT).stdout
    assert "0.1.1-" in production.deploy("--dry-run") and production.machine.run(SNAPSHOT).stdout == before

    tasks = []

    def begin() -> None:
        """What runs, or waits, while web is handed over and the workers are restarted."""
        status, nap = production.ask("/api/tasks", {"job": "demo.sleep", "params": {"seconds": 8, "steps": 8}})
        assert status == 202, nap
        tasks.extend((nap["id"], production.start(shop)))

    with production.asked() as told:
        said = production.deploy(when="trial ", then=begin)
        assert production.well()["version"] == "0.1.1", said
    assert told["failures"] == [] and told["versions"] == ["0.1.0", "0.1.1"] and told["asked"] > 50, told
    # Whoever follows has missed nothing and heard nothing twice, though web went away under the stream.
    listed = [one["position"] for one in production.ask("/api/events?order=asc&limit=200")[1]["items"]]
    assert told["positions"] and told["positions"][:200] == listed[:len(told["positions"])]
    assert told["positions"] == sorted(set(told["positions"]))
    assert len(tasks) == 2, said
    for task in tasks:
        ended = production.ended(task)
        assert ended["state"] == "succeeded" and ended["attempt"] == 1, ended
    assert production.ask(f"/api/orchestration/{shop}/status")[1]["status"] == "running"
    tell(f"{told['asked']} requests while 0.1.1 took the place of 0.1.0, none failed, the slowest took "
         f"{told['slowest']} s; a stream came again {told['streams'] - 1} times and missed none of "
         f"{len(told['positions'])} events; the task at hand and the start of a stack ended by their first attempt."
         f"\n{said}")
