"""Errors of every part of Hub, told to Sentry or to a collector of OpenTelemetry where the environment names one.

Only `handler` is imported by settings. What speaks to the outside carries its library, and is loaded with the first
error.
"""
