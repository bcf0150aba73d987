"""NATS, where there is one: events are published to JetStream, and what others say there may be taken over."""
