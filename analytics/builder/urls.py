"""The addresses of reports."""

from django.urls import path

from analytics.builder import views

app_name = "builder"
urlpatterns = [
    path("", views.report_list, name="list"),
    path("build/", views.report, name="report"),
    path("export/", views.export, name="export"),
    path("keep/", views.keep, name="keep"),
    path("<int:pk>/schedule/", views.schedule, name="schedule"),
    path("<int:pk>/delete/", views.delete, name="delete"),
]
