"""The addresses of reports."""

from django.urls import path

from analytics.builder import export_views, views

app_name = "builder"
urlpatterns = [
    path("", views.report_list, name="list"),
    path("build/", views.report, name="report"),
    path("export/", views.export, name="export"),
    path("exports/", export_views.exports, name="exports"),
    path("exports/begin/", export_views.begin, name="begin-export"),
    path("exports/<uuid:key>/", export_views.file, name="file"),
    path("exports/<uuid:key>/delete/", export_views.delete, name="delete-export"),
    path("keep/", views.keep, name="keep"),
    path("<int:pk>/schedule/", views.schedule, name="schedule"),
    path("<int:pk>/delete/", views.delete, name="delete"),
]
