"""The rules that every Hub has. They can be changed and switched off, not deleted."""

from __future__ import annotations

from typing import Any

MB = 1024 * 1024

# Durations are seconds. Each fires within a minute of its cause: `hold`, a pass of the evaluator, and what its measure
# itself needs to notice (20 s for a worker on another host).
DEFAULTS: dict[str, dict[str, Any]] = {
    "workers": {"name": "No worker is alive", "measure": "workers.alive", "compare": "below", "bound": 1,
                "hold": 20, "calm": 5, "level": "error"},
    "redis": {"name": "Redis does not answer", "measure": "redis.away", "compare": "above", "bound": 0,
              "hold": 10, "calm": 10, "level": "error"},
    "failures": {"name": "Many tasks fail", "measure": "tasks.failure_rate", "compare": "above", "bound": 10,
                 "resolve_bound": 5, "window": 600, "minimum": 10, "hold": 0, "calm": 30, "level": "error"},
    "depth": {"name": "Tasks pile up", "measure": "tasks.depth", "compare": "above", "bound": 10, "resolve_bound": 5,
              "hold": 30, "calm": 30, "level": "warning"},
    "run": {"name": "Tasks take long", "measure": "tasks.run_mean", "compare": "above", "bound": 1800,
            "resolve_bound": 1500, "window": 3600, "minimum": 1, "hold": 0, "calm": 60, "level": "warning"},
    "flapping": {"name": "A service keeps restarting", "measure": "services.restarts", "compare": "above", "bound": 3,
                 "resolve_bound": 0, "window": 600, "hold": 0, "calm": 0, "level": "warning"},
    "disk": {"name": "The disk is nearly full", "measure": "disk.free", "compare": "below", "bound": 500 * MB,
             "resolve_bound": 750 * MB, "hold": 30, "calm": 60, "level": "error"},
    "relay": {"name": "Events lag behind", "measure": "relay.lag", "compare": "above", "bound": 20, "resolve_bound": 5,
              "hold": 10, "calm": 10, "level": "warning"},
    "sign-in": {"name": "Somebody tries passwords", "measure": "sign_in.held_off", "compare": "above", "bound": 0,
                "window": 600, "hold": 0, "calm": 0, "level": "warning"},
}
