"""Addresses of the tasks pages."""

from django.urls import path

from tasks import views, worker_views
from tasks.bulk import views as bulk
from tasks.crews import views as crews
from tasks.drift import views as drift
from tasks.monitor import views as monitor
from tasks.saved import views as saved
from tasks.schedules import views as schedules

app_name = "tasks"

urlpatterns = [
    path("", views.task_list, name="list"),
    path("bulk/", bulk.change, name="bulk"),
    path("saved/", saved.saved_views, name="saved"),
    path("saved/save/", saved.save, name="saved-save"),
    path("saved/<int:pk>/rename/", saved.rename, name="saved-rename"),
    path("saved/<int:pk>/delete/", saved.delete, name="saved-delete"),
    path("count/", views.counted, name="count"),
    path("suggestions/", views.suggestions, name="suggestions"),
    path("rows/", views.rows, name="rows"),
    path("drift/", drift.page, name="drift"),
    path("drift/findings/", drift.findings, name="drift-findings"),
    path("drift/repair/", drift.repair, name="drift-repair"),
    path("schedules/", schedules.schedule_list, name="schedules"),
    path("schedules/table/", schedules.table, name="schedule-table"),
    path("schedules/new/", schedules.new, name="schedule-new"),
    path("schedules/next/", schedules.next_runs, name="schedule-next"),
    path("schedules/<int:pk>/", schedules.detail, name="schedule"),
    path("schedules/<int:pk>/pause/", schedules.pause, name="schedule-pause"),
    path("schedules/<int:pk>/resume/", schedules.resume, name="schedule-resume"),
    path("schedules/<int:pk>/run/", schedules.run, name="schedule-run"),
    path("schedules/<int:pk>/delete/", schedules.delete, name="schedule-delete"),
    path("monitor/", monitor.page, name="monitor"),
    path("monitor/live/", monitor.live, name="monitor-live"),
    path("monitor/stream/", monitor.stream, name="monitor-stream"),
    path("workers/", worker_views.worker_list, name="workers"),
    path("workers/live/", worker_views.live, name="workers-live"),
    path("workers/<str:name>/<str:what>/", worker_views.order, name="order"),
    path("crews/<str:node>/", crews.scale, name="crew"),
    path("lanes/<str:name>/", worker_views.change_lane, name="lane"),
    path("subject-caps/", worker_views.cap_subject, name="cap"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/live/", views.live, name="live"),
    path("<uuid:pk>/graph/", views.graph, name="graph"),
    path("<uuid:pk>/log.txt", views.log_text, name="log"),
    path("<uuid:pk>/priority/", worker_views.change_priority, name="priority"),
    path("<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("<uuid:pk>/retry/", views.retry, name="retry"),
]
