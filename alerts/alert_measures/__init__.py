"""The measures of this app. What is imported here is registered."""

from alerts.alert_measures import host, tasks  # noqa: F401
