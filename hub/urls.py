"""All addresses of Hub."""

from django.contrib import admin
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path

from hub import admin_site, health
from hub.api import api
from hub.home import home, pulse
from hub.metrics.views import metrics

admin.site.site_header = admin.site.site_title = "Hub administration"
admin.site.index_title = "Everything that Hub keeps"

urlpatterns = [
    path("", home, name="home"),
    path("pulse/", pulse, name="pulse"),
    path("", include("accounts.urls")),
    path("projects/", include("projects.urls")),
    path("tasks/", include("tasks.urls")),
    path("events/", include("events.urls")),
    path("webhooks/", include("webhooks.urls")),
    path("alerts/", include("alerts.urls")),
    path("analytics/reports/", include("analytics.builder.urls")),
    path("analytics/", include("analytics.urls")),
    path("", include("retrospectives.urls")),
    path("api/", api.urls),
    path("health", health.health, name="health"),
    path("health/nats", health.nats, name="nats"),
    path("health/ready", health.ready, name="ready"),
    path("metrics", metrics, name="metrics"),
    path("rq/", include("django_rq.urls")),
    path("admin/login/", admin_site.sign_in),
    path("admin/r/<path:content_type_id>/<path:object_id>/", admin_site.on_site),
    path("admin/", admin.site.urls),
    # Asked for by browsers on pages that name no icon, such as the admin site.
    path("favicon.ico", lambda request: redirect(static("img/favicon.svg")), name="favicon"),
]

handler400 = "hub.error_pages.bad_request"
handler403 = "hub.error_pages.forbidden"
handler404 = "hub.error_pages.not_found"
handler500 = "hub.error_pages.server_error"
