"""Hub's addresses and one more."""

from django.urls import path

from bench.views import one_row
from hub.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [path("bench/row/<int:pk>/", one_row), *urlpatterns]
