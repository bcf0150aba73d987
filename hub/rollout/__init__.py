"""`bin/deploy`: a new version of Hub on a host that works, and the way back.

It runs before the new version's environment is there, so it may use only the standard library, and what of Hub does so.
"""
