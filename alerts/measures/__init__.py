"""The measures of this app. What is imported here is registered."""

from alerts.measures import host, tasks  # noqa: F401
