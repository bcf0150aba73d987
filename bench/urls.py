"""Hub's addresses and what the bench compares with."""

from django.urls import path

from bench.keyed import api as keyed
from bench.looks import looks, watch
from bench.views import one_row, one_row_alone
from hub.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

watch()
urlpatterns = [
    path("api/bench/", keyed.urls),
    path("bench/looks/", looks),
    path("bench/row/<int:pk>/", one_row),
    path("bench/row/<int:pk>/alone/", one_row_alone),
    *urlpatterns,
]
