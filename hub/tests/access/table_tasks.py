"""Tasks, workers, lanes and schedules: pages, API and admin site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.tests.access.entries import ADMIN, ONE, OPERATOR, SEEN, VIEWER, Table, api, of_admin, page, people
from hub.tests.access.rows import a_task
from tasks import lane_actions
from tasks.crews.models import Crew
from tasks.retention.models import RetentionRule
from tasks.schedules import actions as schedules

TASK = "tasks/<uuid:pk>"
SCHEDULE = "tasks/schedules/<int:pk>"
API = "api/tasks/<task_id>"
PLAN = "api/schedules/<schedule_id>"
WORKER = "api/workers/<worker_id>"

TABLE: Table = {
    "tasks/": {"GET": page(VIEWER, of=SEEN)},
    "tasks/bulk/": {"POST": page(OPERATOR, 400)},
    "tasks/saved/": {"GET": page(VIEWER, of=SEEN)},
    "tasks/saved/save/": {"POST": page(VIEWER, 302, of=SEEN, name="Mine", query="state=failed")},
    "tasks/saved/<int:pk>/rename/": {"POST": page(VIEWER, 404, of=SEEN)},  # somebody else's
    "tasks/saved/<int:pk>/delete/": {"POST": page(VIEWER, 404, of=SEEN)},
    "tasks/count/": {"GET": page(VIEWER, of=SEEN)},
    "tasks/suggestions/": {"GET": page(VIEWER, of=SEEN)},
    "tasks/rows/": {"GET": page(VIEWER, of=SEEN)},
    "tasks/drift/": {"GET": page(ADMIN)},
    "tasks/drift/findings/": {"GET": page(ADMIN)},
    "tasks/drift/repair/": {"POST": page(ADMIN, 302)},
    "tasks/schedules/": {"GET": page(VIEWER)},
    "tasks/schedules/table/": {"GET": page(VIEWER)},
    "tasks/schedules/new/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422, name="x")},
    "tasks/schedules/next/": {"GET": page(VIEWER)},
    f"{SCHEDULE}/": {"GET": page(VIEWER), "POST": page(OPERATOR, 422)},
    f"{SCHEDULE}/pause/": {"POST": page(OPERATOR, 302)},
    f"{SCHEDULE}/resume/": {"POST": page(OPERATOR, 302)},
    f"{SCHEDULE}/run/": {"POST": page(OPERATOR, 302)},
    f"{SCHEDULE}/delete/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 302)},
    "tasks/monitor/": {"GET": page(VIEWER)},
    "tasks/monitor/live/": {"GET": page(VIEWER)},
    "tasks/monitor/stream/": {"GET": page(VIEWER)},
    "tasks/workers/": {"GET": page(VIEWER)},
    "tasks/workers/live/": {"GET": page(VIEWER)},
    "tasks/workers/<str:name>/<str:what>/": {"POST": page(OPERATOR, 302)},
    "tasks/crews/<str:node>/": {"POST": page(OPERATOR, 302, workers="2")},
    "tasks/lanes/<str:name>/": {"POST": page(OPERATOR, 302, pause="1")},
    "tasks/subject-caps/": {"POST": page(OPERATOR, 302, prefix="shop:", cap="2")},
    f"{TASK}/": {"GET": page(VIEWER, of=ONE)},
    f"{TASK}/live/": {"GET": page(VIEWER, of=ONE)},
    f"{TASK}/graph/": {"GET": page(VIEWER, 204, of=ONE)},
    f"{TASK}/log.txt": {"GET": page(VIEWER, of=ONE)},
    f"{TASK}/priority/": {"POST": page(OPERATOR, 302, of=ONE, priority="7")},
    f"{TASK}/cancel/": {"POST": page(OPERATOR, 302, of=ONE)},
    f"{TASK}/retry/": {"POST": page(OPERATOR, 302, of=ONE)},
    "api/tasks": {
        "GET": api(VIEWER, of=SEEN),
        "POST": api(OPERATOR, 202, job="demo.sleep", params={"seconds": 1}),
    },
    "api/tasks/search": {"GET": api(VIEWER, of=SEEN)},
    "api/tasks/search/count": {"GET": api(VIEWER, of=SEEN)},
    "api/tasks/stream": {"GET": api(VIEWER)},
    "api/tasks/bulk": {"POST": api(OPERATOR, 202, do="cancel", q="job:demo.sleep")},
    "api/tasks/bulk/preview": {"POST": api(VIEWER, do="cancel", q="job:demo.sleep")},
    "api/tasks/bulk/<task_id>": {"GET": api(VIEWER, 404)},
    "api/tasks/monitor": {"GET": api(VIEWER)},
    "api/tasks/suggestions": {"GET": api(VIEWER)},
    "api/tasks/drift": {"GET": api(ADMIN)},
    "api/tasks/drift/repair": {"POST": api(ADMIN)},
    "api/tasks/views": {"GET": people(VIEWER, of=SEEN),
                        "POST": people(VIEWER, 201, of=SEEN, name="Mine", query="state=failed")},
    "api/tasks/views/<view_id>": {"PATCH": people(VIEWER, 404, of=SEEN, name="Mine"),
                                  "DELETE": people(VIEWER, 404, of=SEEN)},
    API: {"GET": api(VIEWER, of=ONE), "PATCH": api(OPERATOR, of=ONE, priority=7), "DELETE": api(OPERATOR, 202, of=ONE)},
    f"{API}/status": {"GET": api(VIEWER, of=ONE)},
    f"{API}/log": {"GET": api(VIEWER, of=ONE)},
    f"{API}/graph": {"GET": api(VIEWER, of=ONE)},
    f"{API}/retry": {"POST": api(OPERATOR, 409, of=ONE)},
    "api/tasks/status/<task_id>": {"GET": api(VIEWER, of=ONE)},
    "api/lanes": {"GET": api(VIEWER)},
    "api/lanes/<name>": {"PATCH": api(OPERATOR, cap=3)},
    "api/workers": {"GET": api(VIEWER)},
    WORKER: {"GET": api(VIEWER, 404)},
    f"{WORKER}/drain": {"POST": api(OPERATOR, 404)},
    f"{WORKER}/stop": {"POST": api(OPERATOR, 404)},
    f"{WORKER}/kill": {"POST": api(OPERATOR, 404)},
    "api/schedules": {"GET": api(VIEWER), "POST": api(OPERATOR, 201, name="Hourly", job="demo.sleep",
                                                          params={"seconds": 1}, interval="1h")},
    "api/schedules/next": {"GET": api(VIEWER, 422)},
    PLAN: {"GET": api(VIEWER), "PATCH": api(OPERATOR, name="Other"), "DELETE": api(OPERATOR, 204)},
    f"{PLAN}/pause": {"POST": api(OPERATOR)},
    f"{PLAN}/resume": {"POST": api(OPERATOR)},
    f"{PLAN}/run": {"POST": api(OPERATOR, 202)},
    "api/subject-caps": {"GET": api(VIEWER), "PUT": api(OPERATOR, prefix="shop:", cap=2), "DELETE": api(OPERATOR, 422)},
    "api/nodes": {"GET": api(VIEWER)},
    "api/crews": {"GET": api(VIEWER)},
    "api/crews/<node>": {"PATCH": api(OPERATOR, fixed=2)},
    **of_admin("tasks/task", add=403, delete=403),
    **of_admin("tasks/lane", add=403, delete=403),
    **of_admin("tasks/subjectcap"),
    **of_admin("tasks/retentionrule"),
    **of_admin("tasks/schedule"),
}

SAME = {
    "tasks/": "list_tasks, search_tasks",
    "tasks/bulk/": "preview_bulk, begin_bulk, show_bulk",
    "tasks/saved/": "list_saved_views",
    "tasks/saved/save/": "save_view",
    "tasks/saved/<int:pk>/rename/": "rename_view",
    "tasks/saved/<int:pk>/delete/": "delete_view",
    "tasks/count/": "count_tasks",
    "tasks/suggestions/": "suggest_queries",
    "tasks/rows/": "search_tasks",
    "tasks/drift/": "show_drift",
    "tasks/drift/findings/": "show_drift",
    "tasks/drift/repair/": "repair_drift",
    "tasks/schedules/": "list_schedules",
    "tasks/schedules/table/": "list_schedules",
    "tasks/schedules/new/": "create_schedule, start_task",
    "tasks/schedules/next/": "show_times",
    f"{SCHEDULE}/": "show_schedule, change_schedule",
    f"{SCHEDULE}/pause/": "pause_schedule",
    f"{SCHEDULE}/resume/": "resume_schedule",
    f"{SCHEDULE}/run/": "run_schedule",
    f"{SCHEDULE}/delete/": "delete_schedule",
    "tasks/monitor/": "show_monitor",
    "tasks/monitor/live/": "show_monitor",
    "tasks/monitor/stream/": "stream_tasks",
    "tasks/workers/": "list_workers, list_lanes, list_nodes, list_crews",
    "tasks/workers/live/": "list_workers, show_worker",
    "tasks/workers/<str:name>/<str:what>/": "drain_worker, stop_worker, kill_worker",
    "tasks/crews/<str:node>/": "change_crew",
    "tasks/lanes/<str:name>/": "change_lane",
    "tasks/subject-caps/": "list_caps, cap_subjects, uncap_subjects",
    f"{TASK}/": "show_task",
    f"{TASK}/live/": "show_task_status",
    f"{TASK}/graph/": "show_task_graph",
    f"{TASK}/log.txt": "show_task_log",
    f"{TASK}/priority/": "change_task",
    f"{TASK}/cancel/": "cancel_task",
    f"{TASK}/retry/": "retry_task",
}


def world(folder: Path) -> dict[str, Any]:
    task = a_task()
    schedule = schedules.create(name="Nightly", job="demo.sleep", params={"seconds": 1}, interval="1d")
    cap = lane_actions.cap_subject("shop:", 1)
    lane_actions.pause("reports")
    Crew.objects.create(node="main")
    return {
        "<uuid:pk>": task.pk, "<task_id>": task.pk, "saved/<int:pk>": 1, "schedules/<int:pk>": schedule.pk,
        "workers/<str:name>": "nobody", "<str:what>": "drain", "<worker_id>": "nobody", "<str:node>": "main",
        "<schedule_id>": schedule.pk,
        "<node>": "main", "lanes/<str:name>": "reports", "<name>": "reports", "task/<path:object_id>": task.pk,
        "lane/<path:object_id>": "reports", "subjectcap/<path:object_id>": cap.pk,
        "retentionrule/<path:object_id>": RetentionRule.objects.create(days=5).pk,
        "schedule/<path:object_id>": schedule.pk,
    }  # fmt: skip


