"""A new version is deployed on a production host while it is asked without a pause: no request fails."""

from __future__ import annotations

from hub.tests.drills.production import Production

# What was put there is looked at by name, kind and target: a deploy that is only talked about leaves all as it is.
SNAPSHOT = "find /opt/hub /etc/systemd/system -not -path '*/source/.git*' -printf '%p %y %l %C@\\n' | sort"


def test_a_new_version_is_deployed_and_no_request_fails(production: Production):
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
