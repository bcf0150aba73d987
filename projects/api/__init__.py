"""REST: projects, their orchestration, and the folders they may be in."""
