"""Backups of a whole Hub, and the way back from one."""
