"""Hub's environment: the one place that reads variables. A wrong value stops the start with one clear line."""

from hub.env.errors import EnvError
from hub.env.places import ROOT, redis_socket
from hub.env.reading import MOST_WORKERS, Env, read_env

__all__ = ["MOST_WORKERS", "ROOT", "Env", "EnvError", "read_env", "redis_socket"]
