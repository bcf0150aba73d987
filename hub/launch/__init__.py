"""`bin/up`: from a bare checkout to a running Hub, and back to nothing.

`virtualenv` runs first, by the machine's own Python; then `launcher` holds everything together in one process that
loads Django once and forks every other part of Hub from itself, so that they share its memory.
"""
