"""Hub's environment: the one place that reads variables. A wrong value stops the start with one clear line."""

from __future__ import annotations

import base64
import getpass
import hashlib
import ipaddress
import os
import re
import secrets
import socket
import stat
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url

from alerts import mail_server
from alerts.mail_server import MailServer
from events.nats import config as nats_config
from events.nats.config import NatsConfig
from events.outgoing.networks import Allowed
from projects.stacks import dotenv
from projects.stacks.spec import StackError

ROOT = Path(__file__).resolve().parent.parent

# sun_path holds 108 bytes with its closing zero; a little room is left for Redis' own temporary names.
MAX_SOCKET_PATH = 100
# Thirty days: RQ and alarm(2) count seconds in 32 bits, and nobody waits longer.
MAX_TASK_LIMIT = 30 * 24 * 3600
MOST_WORKERS = 64


# As retrospectives.kinds, which is a room above this one.
METRICS_KINDS = ("sprints", "github", "gitlab", "jira")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
NODE = r"[A-Za-z0-9_-]{1,64}"


class EnvError(Exception):
    """A variable that cannot be used: `message` names it, what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Env:
    """Everything that Hub takes from its environment, checked."""

    host: str
    port: int
    data: Path
    hub_id: str
    node: str
    home: str
    database: dict
    redis_url: str
    embedded_redis: bool
    nats: NatsConfig | None
    workers: int
    fewest_workers: int
    most_workers: int
    workers_patience: int
    workers_cooldown: int
    ageing: int
    task_limits: tuple[int, int]
    log_level: str
    log_format: str
    backup_dir: Path
    backup_keep: int
    projects_root: Path
    port_range: tuple[int, int]
    allowed_hosts: list[str]
    trusted_origins: list[str]
    metrics_networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
    outgoing_allow: Allowed
    metrics_api_url: str
    metrics_api_key: str
    metrics_api_kind: str
    llm: dict
    url: str
    mail: MailServer
    alert_ping_url: str
    rate_hour: int
    rate_burst: int
    secure_cookies: bool
    hsts: int
    trusted_proxies: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
    cors_origins: list[str]
    max_body: int
    secret_key: str
    encryption_key: str
    debug: bool


def read_env(environ: dict[str, str] | None = None) -> Env:
    """The environment, with `.env` in the repository's root behind it and the defaults behind that.

    Makes the data folder, or closes it to others (0700), and, at the first run, the keys in it (0600). Raises EnvError.
    """
    values = {**_dotenv(), **(os.environ if environ is None else environ)}

    def get(name: str, default: str = "") -> str:
        return values.get(name, "").strip() or default

    data = _data_folder(get("HUB_DATA", str(ROOT / "var")))
    hub_id = get("HUB_ID") or _kept(data / "hub_id", lambda: "h" + secrets.token_hex(4))
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", hub_id):
        raise EnvError(f"HUB_ID is {hub_id!r}: use 1 to 32 letters, digits, '-' or '_'.")
    # Kept, so that a container that is made anew, under another host name, is the same node.
    node = get("HUB_NODE") or _kept(data / "node", lambda: re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64])
    if not re.fullmatch(NODE, node):
        raise EnvError(f"HUB_NODE is {node!r}: use 1 to 64 letters, digits, '-' or '_'.")
    redis_url = get("REDIS_URL")
    workers, fewest, most = _workers(get("HUB_WORKERS", "2"), get("HUB_WORKERS_MIN"), get("HUB_WORKERS_MAX"))
    encryption_key = get("HUB_ENCRYPTION_KEY") or _kept(data / "encryption_key", _new_key)
    if not _is_key(encryption_key):
        raise EnvError("HUB_ENCRYPTION_KEY is not a key of 32 bytes in URL-safe base64; see .env.example.")
    return Env(
        host=get("HUB_HOST", "127.0.0.1"),
        port=_number("HUB_PORT", get("HUB_PORT", "9000"), 1, 65535),
        data=data,
        hub_id=hub_id,
        node=node,
        home=_kept(data / "home_id", lambda: uuid.uuid4().hex),
        database=_database(get("DATABASE_URL"), data),
        redis_url=_redis_url(redis_url) if redis_url else f"unix://{redis_socket(data)}?db=0",
        embedded_redis=not redis_url,
        nats=_nats(get),
        workers=workers,
        fewest_workers=fewest,
        most_workers=most,
        workers_patience=_number("HUB_WORKERS_PATIENCE", get("HUB_WORKERS_PATIENCE", "60"), 1, 86400),
        workers_cooldown=_number("HUB_WORKERS_COOLDOWN", get("HUB_WORKERS_COOLDOWN", "5"), 1, 86400),
        ageing=_number("HUB_AGEING", get("HUB_AGEING", "60"), 1, 86400),
        task_limits=_task_limits(get("HUB_TASK_SOFT_LIMIT", "3600"), get("HUB_TASK_HARD_LIMIT", "7200")),
        log_level=_one_of("HUB_LOG_LEVEL", get("HUB_LOG_LEVEL", "INFO").upper(), LOG_LEVELS),
        log_format=_one_of("HUB_LOG_FORMAT", get("HUB_LOG_FORMAT", "line"), ("line", "json")),
        backup_dir=_backup_dir(get("HUB_BACKUP_DIR"), data),
        backup_keep=_number("HUB_BACKUP_KEEP", get("HUB_BACKUP_KEEP", "7"), 1, 1000),
        projects_root=_projects_root(get("HUB_PROJECTS_ROOT"), data),
        port_range=_port_range(get("HUB_PORT_RANGE", "8000-8999")),
        allowed_hosts=_words(get("HUB_ALLOWED_HOSTS")),
        trusted_origins=_words(get("HUB_TRUSTED_ORIGINS")),
        metrics_networks=_networks("HUB_METRICS_NETWORKS", get("HUB_METRICS_NETWORKS")),
        outgoing_allow=_allowed("HUB_OUTGOING_ALLOW", get("HUB_OUTGOING_ALLOW")),
        metrics_api_url=_http_address("METRICS_API_URL", get("METRICS_API_URL")),
        metrics_api_key=get("METRICS_API_KEY"),
        metrics_api_kind=_one_of("METRICS_API_KIND", get("METRICS_API_KIND", "sprints"), METRICS_KINDS),
        llm={"url": _http_address("LLM_BASE_URL", get("LLM_BASE_URL")), "key": get("LLM_API_KEY"),
             "model": get("LLM_MODEL", "default"),
             "timeout": _number("LLM_TIMEOUT", get("LLM_TIMEOUT", "20"), 1, 120),
             "tokens": _number("LLM_MAX_TOKENS", get("LLM_MAX_TOKENS", "1200"), 100, 100_000)},
        url=_http_address("HUB_URL", get("HUB_URL", f"http://127.0.0.1:{get('HUB_PORT', '9000')}")).rstrip("/"),
        mail=_mail(get),
        alert_ping_url=_http_address("HUB_ALERT_PING_URL", get("HUB_ALERT_PING_URL")),
        rate_hour=_number("HUB_RATE_HOUR", get("HUB_RATE_HOUR", "1000"), 1, 10_000_000),
        rate_burst=_number("HUB_RATE_BURST", get("HUB_RATE_BURST", "100"), 1, 1_000_000),
        secure_cookies=(secure := _flag("HUB_SECURE_COOKIES", get("HUB_SECURE_COOKIES", "0"))),
        hsts=_number("HUB_HSTS", get("HUB_HSTS", "31536000" if secure else "0"), 0, 10 * 31536000),
        trusted_proxies=_networks("HUB_TRUSTED_PROXIES", get("HUB_TRUSTED_PROXIES")),
        cors_origins=_origins(get("HUB_CORS_ORIGINS")),
        max_body=_number("HUB_MAX_BODY", get("HUB_MAX_BODY", str(2 * 1024 * 1024)), 1024, 1 << 30),
        secret_key=get("SECRET_KEY") or _kept(data / "secret_key", lambda: secrets.token_urlsafe(50)),
        encryption_key=encryption_key,
        debug=_flag("DEBUG", get("DEBUG", "0")),
    )


def redis_socket(data: Path) -> Path:
    """Where the embedded Redis listens: in the data folder, or in a short private folder when that path is too
    long for a unix socket."""
    socket = data / "redis" / "redis.sock"
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH:
        return socket
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"hub-{os.getuid()}-{digest}" / "redis.sock"


def _dotenv() -> dict[str, str]:
    path = ROOT / ".env"
    try:
        return dotenv.read(path).values
    except StackError as error:
        raise EnvError(error.message) from None


def _one_of(name: str, text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise EnvError(f"{name} must be one of {', '.join(words)}, not {text[:40]!r}.")
    return text


def _http_address(name: str, text: str) -> str:
    """An address of HTTP, or nothing."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise EnvError(f"{name} must be an address such as https://metrics.example.org/api, not {text[:80]!r}.")
    return text


def _data_folder(text: str) -> Path:
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


def _new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _is_key(text: str) -> bool:
    """Whether it is what cryptography's Fernet takes. Asked without it: who needs no key does not load it."""
    try:
        return len(base64.urlsafe_b64decode(text)) == 32
    except ValueError:
        return False


def _kept(path: Path, make) -> str:
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


def _number(name: str, text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
        raise EnvError(f"{name} is {text!r}: use a whole number from {low} to {high}.")
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise EnvError(f"{name} is {text!r}: use 1 or 0.")


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text) if word]


def _networks(name: str, text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(word) for word in _words(text)]
    except ValueError as error:
        raise EnvError(f"{name}: {error}. Use networks such as 10.0.0.0/8 or 127.0.0.1/32.") from None


def _allowed(name: str, text: str) -> Allowed:
    try:
        return Allowed.read(text)
    except ValueError as error:
        raise EnvError(f"{name}: {error}") from None


def _origins(text: str) -> list[str]:
    found = _words(text)
    for word in found:
        parts = urlsplit(word)
        if parts.scheme not in ("http", "https") or word != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
            raise EnvError(f"HUB_CORS_ORIGINS: {word[:80]!r} is no origin such as https://app.example.org.")
    return found


def _port_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if not match or not 1024 <= int(match[1]) <= int(match[2]) <= 65535:
        raise EnvError(f"HUB_PORT_RANGE is {text!r}: use two ports from 1024 to 65535, such as 8000-8999.")
    return int(match[1]), int(match[2])


def _task_limits(soft_text: str, hard_text: str) -> tuple[int, int]:
    soft = _number("HUB_TASK_SOFT_LIMIT", soft_text, 1, MAX_TASK_LIMIT)
    hard = _number("HUB_TASK_HARD_LIMIT", hard_text, 1, MAX_TASK_LIMIT)
    if hard <= soft:
        raise EnvError(
            f"HUB_TASK_HARD_LIMIT is {hard}, HUB_TASK_SOFT_LIMIT {soft}: a task is told before it is killed, so use a "
            "hard limit above the soft one."
        )
    return soft, hard


def _workers(usual_text: str, fewest_text: str, most_text: str) -> tuple[int, int, int]:
    """How many run at the start, at least and at most; without the last two always as many."""
    usual = _number("HUB_WORKERS", usual_text, 1, MOST_WORKERS)
    fewest = _number("HUB_WORKERS_MIN", fewest_text or str(usual), 1, MOST_WORKERS)
    most = _number("HUB_WORKERS_MAX", most_text or str(max(usual, fewest)), 1, MOST_WORKERS)
    if not fewest <= most:
        raise EnvError(f"HUB_WORKERS_MIN is {fewest}, HUB_WORKERS_MAX {most}: the first must not be above the second.")
    return min(max(usual, fewest), most), fewest, most


def _backup_dir(text: str, data: Path) -> Path:
    if text and not Path(text).is_absolute():
        raise EnvError(f"HUB_BACKUP_DIR is {text!r}: use the absolute path of a folder.")
    return Path(text) if text else data / "backups"


def _projects_root(text: str, data: Path) -> Path:
    try:
        root = Path(text).expanduser() if text else Path.home()
    except RuntimeError:  # a uid without an account and without HOME
        root = Path("/")
    if text and (not root.is_absolute() or not root.is_dir()):
        raise EnvError(f"HUB_PROJECTS_ROOT is {str(root)!r}: use the absolute path of a folder that exists.")
    # A service account often has no home folder: Hub runs, and shows the data folder until a root is named.
    return root.resolve() if root.is_dir() else data


def _database(url: str, data: Path) -> dict:
    if not url:
        return dj_database_url.parse(f"sqlite:///{data / 'hub.sqlite3'}")
    try:
        database = dj_database_url.parse(url)
    except (ValueError, dj_database_url.ParseError, dj_database_url.UnknownSchemeError):
        database = {}
    if database.get("ENGINE") not in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
        raise EnvError("DATABASE_URL is not understood: use postgres://user:password@host:5432/name or sqlite:////path.")
    return database


def _nats(get: Callable[[str], str]) -> NatsConfig | None:
    try:
        return nats_config.read(get)
    except ValueError as error:
        raise EnvError(str(error)) from None


def _mail(get: Callable[..., str]) -> MailServer:
    try:
        return mail_server.read(get)
    except ValueError as error:
        raise EnvError(str(error)) from None


def _redis_url(url: str) -> str:
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise EnvError("REDIS_URL is not understood: use redis://host:6379/0, rediss://... or unix:///path?db=0.")
    return url
