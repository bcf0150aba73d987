"""Makes one stream of the facts: gives each its position, and sends them on in that order."""
