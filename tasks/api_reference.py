"""What the API's document says of tasks, workers, lanes and schedules: examples, and the refusals of single
operations."""

from __future__ import annotations

from events.api_reference import Entry, part

TASK_ID = "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d"
OTHER_ID = "019a2f4e-9a10-7c41-8e20-5b1c7d2e3f40"
AT, LATER = "2026-11-22T15:00:00.000000Z", "2026-11-22T15:00:04.500000Z"
LINE = {"at": AT, "level": "info", "source": "", "text": "1 of 3"}
ITEM = {
    "id": TASK_ID, "job": "demo.sleep", "name": "Sleep 3 s", "state": "running", "priority": 5, "lane": "default",
    "queue": "hub:default:5", "node": None, "params": {"seconds": 3}, "progress": 33.0, "step": "Sleep",
    "steps_done": 0, "steps_total": 1, "remaining": 2.0, "result": None, "error": None, "attempt": 1,
    "attempts": [{"number": 1, "started_at": AT, "ended_at": None, "outcome": None, "error": None, "exit_code": None,
                  "signal": None, "memory": None, "worker": "main-1"}],
    "created_at": AT, "run_at": None, "started_at": AT, "finished_at": None, "wait": 0.02, "run": 1.0,
    "slower_than_usual": False, "parent": None,
    "children": [], "depends_on": [], "retry_of": None, "project": None, "actor": "key:nightly",
    "correlation_id": "0d1c9e2e-8f3a-4b7a-9d55-2f6f3a1b0c4d",
}  # fmt: skip
TASK = {**ITEM, "detail": "", "log_tail": [LINE]}
QUEUED = {**TASK, "state": "queued", "progress": None, "step": "", "remaining": None, "attempt": 0, "attempts": [],
          "started_at": None, "wait": 0.0, "run": None, "log_tail": []}
CELERY = {"task_id": TASK_ID, "state": "RUNNING", "ready": False, "status": "Sleep", "progress": 33.0, "result": None,
          "error": None}
WORKER = {
    "id": "main-1", "host": "hub", "pid": 4711, "node": "main", "lanes": ["stacks", "default", "metrics", "reports"],
    "version": "0.1.0", "state": "busy", "task": TASK_ID, "heartbeat_age": 1.2, "memory": 83886080, "succeeded": 120,
    "failed": 3, "started_at": AT,
}  # fmt: skip
LANE = {"name": "reports", "running": 1, "queued": 4, "paused": False, "cap": 2, "rate": 10, "period": 60.0}
CREW = {"node": "main", "wanted": 2, "fixed": None, "note": "", "fewest": 1, "most": 4,
        "reason": "4 tasks wait.", "decided_at": AT}
SCHEDULE = {
    "id": 3, "name": "Nightly", "job": "demo.sleep", "params": {"seconds": 3}, "lane": "", "priority": 5,
    "cron": "30 4 * * *", "interval": "", "zone": "Europe/Zurich", "overlap": "skip", "paused": False, "paused_by": "",
    "waiting": False, "problem": "", "next_runs": ["2026-11-23T03:30:00.000000Z"], "last_run_at": None,
    "last_task": None, "created_by": "mara", "created_at": AT,
}  # fmt: skip
CAP = {"prefix": "projects.project:", "cap": 4}
VIEW = {"id": 5, "name": "Failed today", "query": "state=failed", "created_at": AT}
MONITOR = {
    "at": AT, "version": "5f3a1b0c", "states": {"running": 1, "queued": 4},
    "lanes": [{"name": "reports", "paused": False, "reason": "", "cap": 2, "rate": 10, "period": 60.0, "running": 1,
               "queued": 4, "high": 0, "medium": 4, "low": 0, "oldest": AT, "late": False, "wait_p95": 0.21}],
    "window": {"seconds": 300, "sample": 12, "wait": {"p50": 0.02, "p95": 0.21}, "run": {"p50": 1.2, "p95": 4.5},
               "succeeded": 11, "failed": 1, "cancelled": 0},
    "ended": {"minute": [[AT, 2, 0, 0]]},
    "running": [{"id": TASK_ID, "title": "Sleep 3 s", "lane": "default", "started_at": AT, "progress": 33.0,
                 "step": "Sleep", "steps_done": 0, "steps_total": 1, "due_at": None, "cancel_requested": False}],
    "coming": [{"title": "Nightly", "at": LATER, "task": None, "schedule": 3}],
    "failures": [{"job": "demo.fail", "error": "It broke.", "count": 1, "last_at": AT, "task": OTHER_ID}],
    "lost": [{"worker": "main-2", "host": "hub", "pid": 4712, "at": AT, "signal": 9, "exit_code": None,
              "task": OTHER_ID, "title": "Build", "state": "failed"}],
    "workers": {"away": False, "total": 1, "states": {"busy": 1}, "items": [
        {"name": "main-1", "host": "hub", "pid": 4711, "node": "main", "lanes": ["default"], "version": "0.1.0",
         "state": "busy", "task": TASK_ID, "memory": 83886080, "succeeded": 120, "failed": 3, "started_at": AT,
         "worked": 84.5, "silent": 0}]},
    "crews": ["main keeps 2 workers, always"],
}  # fmt: skip

SEARCHED = {422: "A parameter is wrong, or the query finds too much to be looked through.",
            503: "What is searched is still being written down; try again in a moment."}
STREAMED = {503: "Too many streams are open."}
REDIS = {503: "Redis does not answer, so nobody knows of the workers."}
ORDERED = {**REDIS, 409: "The worker did not hear it."}
NOT_NOW = {409: "Its last run goes on, and it skips then; or its job cannot be started."}

REFERENCE = {
    "list_tasks": Entry(part(ITEM), query={"state": "running"}, errors=SEARCHED),
    "search_tasks": Entry(part(ITEM), query={"q": "state:running job:demo.sleep"}, errors=SEARCHED),
    "count_tasks": Entry({"count": 12, "more": False}, query={"q": "state:failed created:today"}, errors=SEARCHED),
    "suggest_queries": Entry({"queries": ["state:failed"]}, query={"q": "state:fa"}),
    "start_task": Entry(QUEUED, {"job": "demo.sleep", "params": {"seconds": 3}}),
    "stream_tasks": Entry(errors=STREAMED),
    "show_monitor": Entry(MONITOR),
    "show_task": Entry(TASK),
    "change_task": Entry({**QUEUED, "priority": 8}, {"priority": 8}, errors={409: "It does not wait any more."}),
    "cancel_task": Entry({**TASK, "state": "cancelled", "run": None}, errors={409: "It has ended already."}),
    "retry_task": Entry({**QUEUED, "id": OTHER_ID, "retry_of": TASK_ID}, errors={
        409: "It has not ended, or another task is active on its subject.",
        422: "It cannot be started as it was any more."}),
    "show_task_status": Entry(CELERY),
    "show_task_status_at_older_address": Entry(CELERY),
    "show_task_log": Entry(part(LINE)),
    "show_task_graph": Entry({"more": False, "nodes": [
        {"id": TASK_ID, "title": "Build", "state": "running", "critical": True, "needs": []},
        {"id": OTHER_ID, "title": "Publish", "state": "blocked", "critical": True, "needs": [TASK_ID]}]}),
    "preview_bulk": Entry({"count": 12, "fits": 10}, {"do": "cancel", "q": "state:queued"}, errors=SEARCHED),
    "begin_bulk": Entry({**QUEUED, "job": "tasks.bulk", "name": "Cancel 12 tasks"},
                        {"do": "cancel", "q": "state:queued"}, errors=SEARCHED),
    "show_bulk": Entry(part({"task": OTHER_ID, "done": True, "message": ""}, state="succeeded", total=1, done=1,
                            left=0)),
    "list_saved_views": Entry(part(VIEW)),
    "save_view": Entry(VIEW, {"name": "Failed today", "query": "state=failed"}),
    "rename_view": Entry({**VIEW, "name": "Failed"}, {"name": "Failed"}),
    "delete_view": Entry(),
    "show_drift": Entry({"findings": [], "number": 0, "queue_away": False, "repaired": [
        {"kind": "lost", "label": "Waiting, but in no queue", "count": 1, "today": 0, "last_at": AT}]}),
    "repair_drift": Entry({"done": ["Pushed Sleep 3 s again: it was in no queue."]}),
    "list_schedules": Entry(part(SCHEDULE)),
    "create_schedule": Entry(SCHEDULE, {"name": "Nightly", "job": "demo.sleep", "params": {"seconds": 3},
                                        "cron": "30 4 * * *", "zone": "Europe/Zurich"}),
    "show_times": Entry({"runs": ["2026-11-23T03:30:00.000000Z"]}, query={"interval": "15m"}),
    "show_schedule": Entry(SCHEDULE),
    "change_schedule": Entry({**SCHEDULE, "cron": "", "interval": "15m"}, {"interval": "15m"}),
    "delete_schedule": Entry(),
    "pause_schedule": Entry({**SCHEDULE, "paused": True, "paused_by": "mara", "next_runs": []}),
    "resume_schedule": Entry(SCHEDULE),
    "run_schedule": Entry({"task_id": TASK_ID, "status": "queued", "message": "Sleep 3 s: Queued."}, errors={
        **NOT_NOW, 422: "Its job cannot be started with these parameters any more."}),
    "list_lanes": Entry(part(LANE)),
    "change_lane": Entry({**LANE, "paused": True}, {"paused": True}),
    "list_caps": Entry(part(CAP)),
    "cap_subjects": Entry(CAP, CAP),
    "uncap_subjects": Entry(query={"prefix": "projects.project:"}, errors={404: "There is no cap for this prefix."}),
    "list_nodes": Entry(part({"name": "main", "host": "hub", "here": True, "answers": True, "watched": True,
                              "well": True, "workers": 2, "seen_at": AT, "watch_age": 1.5})),
    "list_workers": Entry(part(WORKER), errors=REDIS),
    "show_worker": Entry(WORKER, errors=REDIS),
    "drain_worker": Entry({**WORKER, "state": "draining"}, errors=ORDERED),
    "stop_worker": Entry({**WORKER, "state": "stopping"}, errors=ORDERED),
    "kill_worker": Entry({**WORKER, "state": "stopping"}, errors=ORDERED),
    "list_crews": Entry(part(CREW)),
    "change_crew": Entry({**CREW, "fixed": 3, "note": "Set by hand by mara: a busy day"},
                         {"fixed": 3, "reason": "a busy day"}),
}
