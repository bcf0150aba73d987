"""Addresses of the events pages."""

from django.urls import path

from events import views

app_name = "events"

urlpatterns = [
    path("", views.event_list, name="list"),
    path("rows/", views.new_rows, name="rows"),
    path("export/", views.event_export, name="export"),
    path("<uuid:pk>/", views.event_detail, name="detail"),
]
