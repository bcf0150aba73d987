"""The screenshots of README and docs, of a Hub that is made for them: `bin/screenshots`."""
