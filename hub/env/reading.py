"""Everything that Hub takes from its environment, in one go."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from alerts import mail_server
from alerts.mail_server import MailServer
from events.nats import config as nats_config
from events.nats.config import NatsConfig
from events.outgoing.networks import Allowed
from hub.env import places, values
from hub.env.errors import EnvError
from hub.telemetry import config as telemetry
from hub.telemetry.config import Telemetry
from projects.stacks import dotenv
from projects.stacks.spec import StackError

# Thirty days: RQ and alarm(2) count seconds in 32 bits, and nobody waits longer.
MAX_TASK_LIMIT = 30 * 24 * 3600
MOST_WORKERS = 64
# As retrospectives.kinds, which is a room above this one.
METRICS_KINDS = ("sprints", "github", "gitlab", "jira")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
NODE = r"[A-Za-z0-9_-]{1,64}"


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
    telemetry: Telemetry
    backup_dir: Path
    backup_keep: int
    keep_exports_hours: int
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
    command_key: str
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

    def secrets(self) -> list[str]:
        """Every value of it that nobody else may read."""
        return [self.secret_key, self.encryption_key, self.database.get("PASSWORD", ""), self.mail.password,
                self.command_key, self.metrics_api_key, self.llm["key"], *self.telemetry.headers.values(),
                urlsplit(self.redis_url).password or "",
                *((self.nats.password, self.nats.token) if self.nats else ())]


def read_env(environ: dict[str, str] | None = None) -> Env:
    """The environment, with `.env` in the repository's root behind it and the defaults behind that.

    Makes the data folder, or closes it to others (0700), and, at the first run, the keys in it (0600). Raises EnvError.
    """
    found = {**_dotenv(), **(os.environ if environ is None else environ)}

    def get(name: str, default: str = "") -> str:
        return found.get(name, "").strip() or default

    data = places.data_folder(get("HUB_DATA", str(places.ROOT / "var")))
    hub_id = get("HUB_ID") or places.kept(data / "hub_id", lambda: "h" + secrets.token_hex(4))
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", hub_id):
        raise EnvError(f"HUB_ID is {hub_id!r}: use 1 to 32 letters, digits, '-' or '_'.")
    # Kept, so that a container that is made anew, under another host name, is the same node.
    node = get("HUB_NODE") or places.kept(data / "node", _host_name)
    if not re.fullmatch(NODE, node):
        raise EnvError(f"HUB_NODE is {node!r}: use 1 to 64 letters, digits, '-' or '_'.")
    redis_url = get("REDIS_URL")
    workers, fewest, most = _workers(get("HUB_WORKERS", "2"), get("HUB_WORKERS_MIN"), get("HUB_WORKERS_MAX"))
    encryption_key = get("HUB_ENCRYPTION_KEY") or places.kept(data / "encryption_key", places.new_key)
    if not places.is_key(encryption_key):
        raise EnvError("HUB_ENCRYPTION_KEY is not a key of 32 bytes in URL-safe base64; see .env.example.")
    return Env(
        host=get("HUB_HOST", "127.0.0.1"),
        port=values.number("HUB_PORT", get("HUB_PORT", "9000"), 1, 65535),
        data=data,
        hub_id=hub_id,
        node=node,
        home=places.kept(data / "home_id", lambda: uuid.uuid4().hex),
        database=places.database(get("DATABASE_URL"), data),
        redis_url=places.redis_url(redis_url) if redis_url else f"unix://{places.redis_socket(data)}?db=0",
        embedded_redis=not redis_url,
        nats=_nats(get),
        workers=workers,
        fewest_workers=fewest,
        most_workers=most,
        workers_patience=values.number("HUB_WORKERS_PATIENCE", get("HUB_WORKERS_PATIENCE", "60"), 1, 86400),
        workers_cooldown=values.number("HUB_WORKERS_COOLDOWN", get("HUB_WORKERS_COOLDOWN", "5"), 1, 86400),
        ageing=values.number("HUB_AGEING", get("HUB_AGEING", "60"), 1, 86400),
        task_limits=_task_limits(get("HUB_TASK_SOFT_LIMIT", "3600"), get("HUB_TASK_HARD_LIMIT", "7200")),
        log_level=values.one_of("HUB_LOG_LEVEL", get("HUB_LOG_LEVEL", "INFO").upper(), LOG_LEVELS),
        log_format=values.one_of("HUB_LOG_FORMAT", get("HUB_LOG_FORMAT", "line"), ("line", "json")),
        telemetry=_telemetry(get),
        backup_dir=places.backup_dir(get("HUB_BACKUP_DIR"), data),
        backup_keep=values.number("HUB_BACKUP_KEEP", get("HUB_BACKUP_KEEP", "7"), 1, 1000),
        keep_exports_hours=values.number("HUB_KEEP_EXPORTS_HOURS", get("HUB_KEEP_EXPORTS_HOURS", "24"), 1, 8760),
        projects_root=places.projects_root(get("HUB_PROJECTS_ROOT"), data),
        port_range=values.port_range(get("HUB_PORT_RANGE", "8000-8999")),
        allowed_hosts=values.words(get("HUB_ALLOWED_HOSTS")),
        trusted_origins=values.words(get("HUB_TRUSTED_ORIGINS")),
        metrics_networks=values.networks("HUB_METRICS_NETWORKS", get("HUB_METRICS_NETWORKS")),
        outgoing_allow=values.allowed("HUB_OUTGOING_ALLOW", get("HUB_OUTGOING_ALLOW")),
        metrics_api_url=values.http_address("METRICS_API_URL", get("METRICS_API_URL")),
        metrics_api_key=get("METRICS_API_KEY"),
        metrics_api_kind=values.one_of("METRICS_API_KIND", get("METRICS_API_KIND", "sprints"), METRICS_KINDS),
        llm={"url": values.http_address("LLM_BASE_URL", get("LLM_BASE_URL")), "key": get("LLM_API_KEY"),
             "model": get("LLM_MODEL", "default"),
             "timeout": values.number("LLM_TIMEOUT", get("LLM_TIMEOUT", "20"), 1, 120),
             "tokens": values.number("LLM_MAX_TOKENS", get("LLM_MAX_TOKENS", "1200"), 100, 100_000)},
        command_key=get("HUB_COMMAND_KEY"),
        url=values.http_address("HUB_URL", get("HUB_URL", f"http://127.0.0.1:{get('HUB_PORT', '9000')}")).rstrip("/"),
        mail=_mail(get),
        alert_ping_url=values.http_address("HUB_ALERT_PING_URL", get("HUB_ALERT_PING_URL")),
        rate_hour=values.number("HUB_RATE_HOUR", get("HUB_RATE_HOUR", "1000"), 1, 10_000_000),
        rate_burst=values.number("HUB_RATE_BURST", get("HUB_RATE_BURST", "100"), 1, 1_000_000),
        secure_cookies=(secure := values.flag("HUB_SECURE_COOKIES", get("HUB_SECURE_COOKIES", "0"))),
        hsts=values.number("HUB_HSTS", get("HUB_HSTS", "31536000" if secure else "0"), 0, 10 * 31536000),
        trusted_proxies=values.networks("HUB_TRUSTED_PROXIES", get("HUB_TRUSTED_PROXIES")),
        cors_origins=values.origins(get("HUB_CORS_ORIGINS")),
        max_body=values.number("HUB_MAX_BODY", get("HUB_MAX_BODY", str(2 * 1024 * 1024)), 1024, 1 << 30),
        secret_key=get("SECRET_KEY") or places.kept(data / "secret_key", lambda: secrets.token_urlsafe(50)),
        encryption_key=encryption_key,
        debug=values.flag("DEBUG", get("DEBUG", "0")),
    )


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64]


def _dotenv() -> dict[str, str]:
    path = places.ROOT / ".env"
    try:
        return dotenv.read(path).values
    except StackError as error:
        raise EnvError(error.message) from None


def _task_limits(soft_text: str, hard_text: str) -> tuple[int, int]:
    soft = values.number("HUB_TASK_SOFT_LIMIT", soft_text, 1, MAX_TASK_LIMIT)
    hard = values.number("HUB_TASK_HARD_LIMIT", hard_text, 1, MAX_TASK_LIMIT)
    if hard <= soft:
        raise EnvError(
            f"HUB_TASK_HARD_LIMIT is {hard}, HUB_TASK_SOFT_LIMIT {soft}: a task is told before it is killed, so use a "
            "hard limit above the soft one."
        )
    return soft, hard


def _workers(usual_text: str, fewest_text: str, most_text: str) -> tuple[int, int, int]:
    """How many run at the start, at least and at most; without the last two always as many."""
    usual = values.number("HUB_WORKERS", usual_text, 1, MOST_WORKERS)
    fewest = values.number("HUB_WORKERS_MIN", fewest_text or str(usual), 1, MOST_WORKERS)
    most = values.number("HUB_WORKERS_MAX", most_text or str(max(usual, fewest)), 1, MOST_WORKERS)
    if not fewest <= most:
        raise EnvError(f"HUB_WORKERS_MIN is {fewest}, HUB_WORKERS_MAX {most}: the first must not be above the second.")
    return min(max(usual, fewest), most), fewest, most


def _nats(get: Callable[[str], str]) -> NatsConfig | None:
    try:
        return nats_config.read(get)
    except ValueError as error:
        raise EnvError(str(error)) from None


def _telemetry(get: Callable[[str], str]) -> Telemetry:
    try:
        return telemetry.read(get)
    except ValueError as error:
        raise EnvError(str(error)) from None


def _mail(get: Callable[..., str]) -> MailServer:
    try:
        return mail_server.read(get)
    except ValueError as error:
        raise EnvError(str(error)) from None
