"""The ways to tell people, each in a file of its own behind `alerts.channels.kind`."""
