"""Finds again what an earlier supervisor of the stack started, so that exactly one copy of each service runs.

Lean on purpose: the supervisor imports it.
"""

from projects.engines.process.family import Family
from projects.engines.process.instance import Instance
from projects.engines.process.processes import Stat, living

RESTORED = ("launch", "version", "restarts", "deaths", "started_at", "ended_at", "exit_code", "signal", "reason",
            "ready", "ever_ready", "health")


def restore(instance: Instance, record: dict, family: Family, log_path: str) -> None:
    """Give the instance back what its record says, and its process if that lives.

    A process started so shortly before the supervisor's death that no record names it is known by its launch, which
    its variables carry: it has a session of its own and is the oldest of that launch.
    """
    for name in RESTORED:
        if name in record:
            setattr(instance, name, record[name])
    pid, start, state = record.get("pid"), record.get("start"), record.get("phase", "waiting")
    unrecorded = [
        (stat, label)
        for stat, label in family.labelled()
        if label.instance == instance.name and label.launch > instance.launch and stat.pid == stat.session
    ]
    if living(pid, start):
        instance.adopt(pid, start, log_path)
        if state == "stopping":
            instance.stop()
    elif unrecorded:
        stat, label = min(unrecorded, key=lambda pair: pair[0].start)
        instance.launch, instance.version = label.launch, label.version
        instance.ready = instance.ever_ready = False
        instance.reason, instance.health = "", "none"
        instance.adopt(stat.pid, stat.start, log_path)
    elif pid and state in ("running", "clearing", "stopping"):
        instance.pid, instance.start = pid, start
        instance.resume(state)
    elif state in ("completed", "failed", "stopped"):
        instance.state = state
    instance.changed = True


def strangers(instances: list[Instance], family: Family) -> dict[int, Stat]:
    """Processes with the stack's marker whose launch is not the one that their instance now runs."""
    current = {instance.name: instance.launch for instance in instances if instance.has_process}
    return {stat.pid: stat for stat, label in family.labelled() if current.get(label.instance) != label.launch}
