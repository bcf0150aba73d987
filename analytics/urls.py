"""The addresses of analytics."""

from django.urls import path

from analytics import views

app_name = "analytics"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("trends/", views.trend, name="trends"),
    path("distributions/", views.distributions, name="distributions"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<path:name>/", views.job, name="job"),
    path("performance/", views.performance, name="performance"),
    path("projects/<int:number>/", views.project, name="project"),
]
