"""Django settings. Every value that may differ between two Hubs comes from `hub.env`."""

import sys

from redis.backoff import NoBackoff
from redis.retry import Retry

from hub.env import ROOT, EnvError, read_env
from projects.engines.umask import keep_private
from tasks.lanes import queue_names

# Before the first file is written: keys, database, logs.
keep_private()
try:
    ENV = read_env()
except EnvError as error:
    sys.exit(f"hub: {error}")

BASE_DIR = ROOT
VERSION = "0.1.0"
HUB_ID = ENV.hub_id
HUB_DATA = ENV.data
HUB_PROJECTS_ROOT = ENV.projects_root
HUB_PORT_RANGE = ENV.port_range
# Seconds after which a task is told to end, and after which it is killed, where its job does not say otherwise.
HUB_TASK_SOFT_LIMIT, HUB_TASK_HARD_LIMIT = ENV.task_limits
# Where backups are made every night, and how many are kept.
HUB_BACKUP_DIR, HUB_BACKUP_KEEP = ENV.backup_dir, ENV.backup_keep
# A waiting task gains a rank every so many seconds.
HUB_AGEING = ENV.ageing
# Proxies whose word on the client's address, and on TLS, counts.
HUB_TRUSTED_PROXIES = ENV.trusted_proxies
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HUB_TRUSTED_PROXIES else None
# Who may read the metrics without a key.
HUB_METRICS_NETWORKS = ENV.metrics_networks
# What Hub may send to where somebody typed the address, although it is not public.
HUB_OUTGOING_ALLOW = ENV.outgoing_allow
# Where sprints are fetched from, and the key that opens it.
HUB_METRICS_API_URL, HUB_METRICS_API_KEY = ENV.metrics_api_url, ENV.metrics_api_key
HUB_METRICS_API_KIND = ENV.metrics_api_kind
# A language model that may reword reports; without an address none is asked.
HUB_LLM = ENV.llm
# The key whose rights commands have; without it they are those of the host's user.
HUB_COMMAND_KEY = ENV.command_key
# The address of this Hub in messages; who alerts by mail, and who is told every minute that alerts are looked at.
HUB_URL, HUB_ALERT_PING_URL = ENV.url, ENV.alert_ping_url
EMAIL_HOST, EMAIL_PORT = ENV.mail.host, ENV.mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENV.mail.user, ENV.mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = ENV.mail.tls == "starttls", ENV.mail.tls == "tls"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.mail.sender
# How often a key may ask: in any hour, and in any minute of it.
HUB_RATE_HOUR, HUB_RATE_BURST = ENV.rate_hour, ENV.rate_burst
# So many streams may be open in a web process.
HUB_MAX_STREAMS = 500
# The name of this host among those that work for this Hub.
HUB_NODE = ENV.node
# How NATS is reached, None without it.
NATS = ENV.nats
HUB_EXAMPLES = ROOT / "examples"
# Who knows how long tasks usually run: `tasks` may not import it.
HUB_USUAL_RUNS = "analytics.estimates.usual_run"
# How many days after it ended a task is kept, unless a rule in the admin site says otherwise, and by domain how many
# days a fact is kept; "" stands for the domains that are not named.
HUB_KEEP_TASKS_DAYS = 400
HUB_KEEP_EXPORTS_HOURS = ENV.keep_exports_hours
HUB_KEEP_EVENTS_DAYS = {"task": 100, "service": 100, "schedule": 100, "audit": 1200, "": 400}

SECRET_KEY = ENV.secret_key
ENCRYPTION_KEY = ENV.encryption_key
DEBUG = ENV.debug
# A Hub on this machine answers to every name of this machine; others are named.
ALLOWED_HOSTS = [*ENV.allowed_hosts, "127.0.0.1", "localhost", "[::1]", *([ENV.host] if ENV.host != "0.0.0.0" else [])]
CSRF_TRUSTED_ORIGINS = ENV.trusted_origins

INSTALLED_APPS = [
    "hub",
    "analytics.builder",
    "analytics",
    "alerts",
    "retrospectives",
    "projects",
    "webhooks",
    "tasks",
    "events",
    "accounts",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_rq",
    "ninja",
]

MIDDLEWARE = [
    "hub.proxies.ProxyMiddleware",
    "hub.metrics.requests.MetricsMiddleware",
    "hub.middleware.CorrelationMiddleware",
    "hub.security.CompressionMiddleware",
    "hub.security.HeadersMiddleware",
    "hub.security.CorsMiddleware",
    "accounts.middleware.RateHeadersMiddleware",
    "hub.api_errors.ApiErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hub.middleware.ContentSecurityPolicyMiddleware",
    "hub.middleware.MethodNotAllowedMiddleware",
    "hub.middleware.ZeroByteMiddleware",
    "hub.middleware.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "hub.middleware.ActorMiddleware",
    # The innermost is synchronous, so that all are: see there.
    "accounts.middleware.SignInRequiredMiddleware",
    "hub.middleware.SuperuserPathsMiddleware",
]

ROOT_URLCONF = "hub.urls"
ASGI_APPLICATION = "hub.asgi.application"
WSGI_APPLICATION = "hub.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hub.context.shell",
            ],
        },
    },
]

DATABASES = {"default": ENV.database}
# Connections outlive a request, as the threads that they belong to do: see hub.threads.
ENV.database.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
if ENV.database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE takes the write lock when a transaction begins: two writers then wait instead of failing half-way.
    ENV.database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON",
    }
else:
    # A server that hangs must not hang the health page with it; one that is cut off is given up after ten seconds.
    for name, value in {"connect_timeout": 3, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
                        "tcp_user_timeout": 10_000}.items():
        ENV.database.setdefault("OPTIONS", {}).setdefault(name, value)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A blocking read (BLPOP, pub/sub) must never be cut by the socket's own time-out.
REDIS_URL = ENV.redis_url
# What RQ's dashboard shows; tasks are pushed and worked on through `tasks.queue` and `manage.py worker`.
RQ_QUEUES = {name: {"URL": ENV.redis_url, "DEFAULT_TIMEOUT": 3600} for name in queue_names(nodes=[ENV.node])}
RQ = {"WORKER_CLASS": "tasks.worker.HubWorker"}
RQ_SHOW_ADMIN_LINK = False

# What can be done without: Hub goes on when it is away.
CACHES = {
    "default": {
        "BACKEND": "hub.cache.ForgivingRedisCache",
        "LOCATION": ENV.redis_url,
        "KEY_PREFIX": f"hub-cache:{ENV.hub_id}",
        "OPTIONS": {"serializer": "hub.cache.JsonSerializer", "socket_timeout": 1, "socket_connect_timeout": 1,
                    "retry": Retry(NoBackoff(), 0)},
    },
}
SESSION_ENGINE = "accounts.sessions"

AUTH_USER_MODEL = "auth.User"
# What people are granted a role on; accounts knows only its numbers and names.
HUB_GRANTED_MODEL = "projects.Project"
AUTHENTICATION_BACKENDS = ["accounts.backends.RoleBackend"]
CSRF_FAILURE_VIEW = "hub.error_pages.csrf_failure"
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator",
                 "NumericPasswordValidator")
]
# Two Hubs on one host differ only by port, and cookies do not: the name keeps their sessions apart.
SESSION_COOKIE_NAME = f"hub_session_{ENV.hub_id}"
CSRF_COOKIE_NAME = f"hub_csrf_{ENV.hub_id}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.secure_cookies
SESSION_COOKIE_SAMESITE = "Lax"
# Sent by hub.security: behind a proxy no request looks secure to Django.
SECURE_HSTS_SECONDS = HUB_HSTS = ENV.hsts
# Other sites whose pages may use the API with a key.
HUB_CORS_ORIGINS = ENV.cors_origins
SILENCED_SYSTEM_CHECKS = [
    # Hub cannot speak for the other hosts of its domain: no HSTS for subdomains, no preload list.
    "security.W005",
    "security.W021",
    # The proxy that ends TLS redirects. Hub speaks plain HTTP with it, and would redirect every request for ever.
    "security.W008",
]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = ENV.max_body

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
# A release of `bin/deploy` has its own, collected before it runs: the one before it serves its own meanwhile.
STATIC_ROOT = BASE_DIR / "collected" if (BASE_DIR / "collected").is_dir() else ENV.data / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "hub.static_storage.StaticStorage"},
}

# Errors are told to Sentry or a collector of OpenTelemetry where the environment names one.
TELEMETRY = {"telemetry": {
    "()": "hub.telemetry.handler.TelemetryHandler", "telemetry": ENV.telemetry, "filters": ["correlation"],
    "about": {"hub": HUB_ID, "node": HUB_NODE, "version": VERSION}, "secrets": ENV.secrets(),
}} if ENV.telemetry else {}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"correlation": {"()": "events.context.CorrelationFilter"}},
    "formatters": {
        "line": {
            "()": "hub.log_lines.LineFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s",
        },
        "json": {"()": "hub.log_lines.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": ENV.log_format, "filters": ["correlation"]},
        "none": {"class": "logging.NullHandler"},
        **TELEMETRY,
    },
    "root": {"handlers": ["stderr", *TELEMETRY], "level": "WARNING"},
    # "django" and its server are named so that they lose handlers of their own: every line is written here.
    "loggers": {name: {"level": ENV.log_level, "handlers": [], "propagate": True}
                for name in ("hub", "analytics", "projects", "webhooks", "alerts", "tasks", "events", "accounts",
                             "django", "django.server")} | {
        # What jobs raise stands in their tasks, not in the log.
        "tasks.raised": {"level": "ERROR", "handlers": ["none", *TELEMETRY], "propagate": False}},
}
