"""Where things are: folders, files that are made at the first run, database and Redis."""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url

from hub.env.errors import EnvError

ROOT = Path(__file__).resolve().parents[2]

# sun_path holds 108 bytes with its closing zero; a little room is left for Redis' own temporary names.
MAX_SOCKET_PATH = 100


def data_folder(text: str) -> Path:
    """Hub's own folder, made where it is not there, and closed to others. Raises EnvError."""
    data = Path(text).expanduser()
    if not data.is_absolute():
        data = ROOT / data
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(data)
        if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise EnvError(
            f"HUB_DATA: {data} cannot be used as {_user()}: {error.strerror}. Set HUB_DATA to a writable folder."
        ) from None
    return data.resolve()


def _make_private(data: Path) -> None:
    """Close a folder to others when it is ours to close: our user's, and empty or a Hub's already. The folder of
    somebody else, or one with other things in it, stays as it is; the files in it are private anyway."""
    mode = data.stat()
    is_hubs = (data / "hub_id").exists() or (data / "secret_key").exists() or not any(data.iterdir())
    if mode.st_uid == os.getuid() and mode.st_mode & 0o077 and not mode.st_mode & stat.S_ISVTX and is_hubs:
        data.chmod(0o700)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in some containers
        return f"uid {os.getuid()}"


def new_key() -> str:
    """32 random bytes, as URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def is_key(text: str) -> bool:
    """Whether it is what cryptography's Fernet takes. Asked without it: who needs no key does not load it."""
    try:
        return len(base64.urlsafe_b64decode(text)) == 32
    except ValueError:
        return False


def kept(path: Path, make: Callable[[], str]) -> str:
    """The content of a file of mode 0600, made at the first run. Two that start at once get the same content."""
    try:
        if not path.exists():
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make())
            try:
                os.link(temporary, path)
            except FileExistsError:  # the other one was first: its content counts
                pass
            finally:
                temporary.unlink()
        text = path.read_text().strip()
    except OSError as error:
        raise EnvError(
            f"{path} cannot be written or read: {error.strerror}. Free some space or set HUB_DATA."
        ) from None
    if not text:
        raise EnvError(f"{path} is empty. Restore it from a backup, or remove it to have a new one made.")
    return text


def backup_dir(text: str, data: Path) -> Path:
    """Where backups go. Raises EnvError."""
    if text and not Path(text).is_absolute():
        raise EnvError(f"HUB_BACKUP_DIR is {text!r}: use the absolute path of a folder.")
    return Path(text) if text else data / "backups"


def projects_root(text: str, data: Path) -> Path:
    """What the folder browser may show. Raises EnvError."""
    try:
        root = Path(text).expanduser() if text else Path.home()
    except RuntimeError:  # a uid without an account and without HOME
        root = Path("/")
    if text and (not root.is_absolute() or not root.is_dir()):
        raise EnvError(f"HUB_PROJECTS_ROOT is {str(root)!r}: use the absolute path of a folder that exists.")
    # A service account often has no home folder: Hub runs, and shows the data folder until a root is named.
    return root.resolve() if root.is_dir() else data


def database(url: str, data: Path) -> dict:
    """The database as Django's settings have it. Raises EnvError."""
    if not url:
        return dj_database_url.parse(f"sqlite:///{data / 'hub.sqlite3'}")
    try:
        found = dj_database_url.parse(url)
    except (ValueError, dj_database_url.ParseError, dj_database_url.UnknownSchemeError):
        found = {}
    if found.get("ENGINE") not in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
        raise EnvError("DATABASE_URL is not understood: use postgres://user:password@host:5432/name or sqlite:////path.")
    return found


def redis_url(url: str) -> str:
    """An address of Redis. Raises EnvError."""
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise EnvError("REDIS_URL is not understood: use redis://host:6379/0, rediss://... or unix:///path?db=0.")
    return url


def redis_socket(data: Path) -> Path:
    """Where the embedded Redis listens: in the data folder, or in a short private folder when that path is too
    long for a unix socket."""
    socket = data / "redis" / "redis.sock"
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH:
        return socket
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"hub-{os.getuid()}-{digest}" / "redis.sock"
