"""The addresses of sprints and retrospectives."""

from django.urls import path

from retrospectives import sprint_views, views

app_name = "retrospectives"
urlpatterns = [
    path("sprints/", sprint_views.sprint_list, name="sprints"),
    path("sprints/new/", sprint_views.new, name="sprint-new"),
    path("sprints/import/", sprint_views.import_sprints, name="import"),
    path("sprints/sync/", sprint_views.sync, name="sync"),
    path("sprints/<int:pk>/", sprint_views.detail, name="sprint"),
    path("sprints/<int:pk>/delete/", sprint_views.delete, name="sprint-delete"),
    path("retrospectives/", views.report_list, name="list"),
    path("retrospectives/new/", views.new, name="new"),
    path("retrospectives/compare/", views.compare, name="compare"),
    path("retrospectives/made/<uuid:task>/", views.making, name="making"),
    path("retrospectives/<int:pk>/", views.report, name="report"),
    path("retrospectives/<int:pk>/report.md", views.as_markdown, name="markdown"),
    path("retrospectives/<int:pk>/report.json", views.as_json, name="json"),
    path("retrospectives/experiments/<int:pk>/begin/", views.begin, name="begin"),
    path("retrospectives/experiments/<int:pk>/drop/", views.drop, name="drop"),
]
