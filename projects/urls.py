"""Addresses of the project pages."""

from django.urls import path

from projects.views import (
    adoption,
    copying,
    creation,
    deletion,
    detail,
    environment,
    lifecycle,
    listing,
    logs,
    revisions,
    settings,
    usage,
)

app_name = "projects"

urlpatterns = [
    path("", listing.projects, name="list"),
    path("cards/", listing.cards, name="cards"),
    path("new/", creation.new, name="new"),
    path("new/browse/", creation.browser, name="browse"),
    path("adopt/", adoption.adopt, name="adopt"),
    path("adopt/found/", adoption.found, name="adoptable"),
    path("new/preview/", creation.preview, name="preview"),
    path("<int:pk>/", detail.detail, name="detail"),
    path("<int:pk>/live/", detail.live, name="live"),
    path("<int:pk>/head/", detail.head, name="head"),
    path("<int:pk>/card/", listing.card, name="card"),
    path("<int:pk>/start/", lifecycle.start, name="start"),
    path("<int:pk>/stop/", lifecycle.stop, name="stop"),
    path("<int:pk>/restart/", lifecycle.restart, name="restart"),
    path("<int:pk>/restart/<str:service>/", lifecycle.restart_service, name="restart-service"),
    path("<int:pk>/build/", lifecycle.build, name="build"),
    path("<int:pk>/cancel/", lifecycle.cancel, name="cancel"),
    path("<int:pk>/ports/<int:lease>/", lifecycle.release_port, name="release-port"),
    path("<int:pk>/logs/", logs.logs, name="logs"),
    path("<int:pk>/logs/lines/", logs.lines, name="log-lines"),
    path("<int:pk>/logs/file/", logs.file, name="log-file"),
    path("<int:pk>/environment/", environment.environment, name="environment"),
    path("<int:pk>/environment/show/", environment.show, name="environment-show"),
    path("<int:pk>/usage/", usage.usage, name="usage"),
    path("<int:pk>/usage/charts/", usage.charts, name="usage-charts"),
    path("<int:pk>/revisions/", revisions.revisions, name="revisions"),
    path("<int:pk>/roll-back/", revisions.roll_back, name="roll-back"),
    path("<int:pk>/copy/", copying.copy, name="copy"),
    path("<int:pk>/delete/", deletion.delete, name="delete"),
    path("<int:pk>/settings/", settings.settings, name="settings"),
]
