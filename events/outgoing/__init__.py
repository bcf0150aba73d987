"""The way out to other servers: `posting` for addresses that people typed, `opener` for those that Hub's own
environment names."""
