"""NATS, where there is one: events are published to JetStream."""
