"""Settings from the environment; a missing or unsafe value in production stops the start.

`AGENHOOD_MODE` is "production" unless it says "development", which `make run` sets. What the
environment lacks is read from `<data folder>/env`, which `make run` writes.
"""

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from accounts.master_key import KeyRing
from accounts.oidc_settings import oidc_providers
from agenhood.launcher.paths import data_folder
from agenhood.storages import storage

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
ENV_FILE = os.environ.get("AGENHOOD_ENV_FILE", str(data_folder() / "env"))
if ENV_FILE and Path(ENV_FILE).is_file():
    env.read_env(ENV_FILE)

MODE = env.str("AGENHOOD_MODE", "production")
if MODE not in {"development", "production"}:
    raise ImproperlyConfigured(f'AGENHOOD_MODE is "{MODE}": say "development" or "production".')
PRODUCTION = MODE == "production"
DEBUG = env.bool("AGENHOOD_DEBUG", False)
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("AGENHOOD_DEBUG shows data to strangers: not in production.")

SECRET_KEY = env.str("AGENHOOD_SECRET_KEY")
# Django's own measure, of a check that nobody has to run (`check --deploy`).
if PRODUCTION and (
    len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5 or SECRET_KEY.startswith("django-insecure-")
):
    raise ImproperlyConfigured("AGENHOOD_SECRET_KEY must be random and 50 characters or longer.")

# Opens the workspaces' keys, which open their secrets: accounts/master_key.py.
AGENHOOD_MASTER_KEY = env.str("AGENHOOD_MASTER_KEY", "")
if PRODUCTION or AGENHOOD_MASTER_KEY:
    KeyRing.parse(AGENHOOD_MASTER_KEY)


def words(name: str, default: list[str]) -> list[str]:
    """Return a list that is separated by commas, with or without blanks."""
    return [word.strip() for word in env.list(name, default=default)]


LOCAL_HOSTS = [] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = words("AGENHOOD_ALLOWED_HOSTS", LOCAL_HOSTS)
if PRODUCTION and (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS):
    raise ImproperlyConfigured("AGENHOOD_ALLOWED_HOSTS must name the console's hosts.")
CSRF_TRUSTED_ORIGINS = words("AGENHOOD_CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "accounts",
    "workspaces",
    "agenhood.fleet",
    "agenhood.runtime",
    "agenhood.api",
    "django.contrib.admin.apps.SimpleAdminConfig",  # our own site, with our own models only
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "template_partials",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "agenhood.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "accounts.middleware.KeepNothingMiddleware",
    "agenhood.api.middleware.ApiMiddleware",
    "agenhood.health.HealthMiddleware",
    "csp.middleware.CSPMiddleware",
    "accounts.middleware.SessionCookieMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.SignInRequiredMiddleware",
    "accounts.middleware.TimeZoneMiddleware",
    "workspaces.middleware.WorkspaceMiddleware",
    "agenhood.errors.NotAllowedPageMiddleware",
]

ROOT_URLCONF = "agenhood.urls"
ASGI_APPLICATION = "agenhood.asgi.application"
WSGI_APPLICATION = "agenhood.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "agenhood.request_id.context",
                "workspaces.context_processors.console",
            ],
            "builtins": ["workspaces.templatetags.workspaces"],
            "libraries": {"sandbox": "agenhood.runtime.sandbox.state"},
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# The console's own login, never the owner's: see workspaces/database/roles.py.
DATABASES = {"default": env.db("DATABASE_URL")}
if DATABASES["default"].get("ENGINE") != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL: postgresql://…")
# A server-side cursor outlives its transaction: PgBouncer would hand it to somebody else.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
# Connections that the serving process shares among its threads; commands open one of their own.
if pool_size := env.int("AGENHOOD_DATABASE_POOL", 0):
    pool = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = pool
if "AGENHOOD_OWNER_DATABASE_URL" in env.ENVIRON:
    DATABASES["owner"] = env.db("AGENHOOD_OWNER_DATABASE_URL")  # `migrate --database owner`
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Workers listen for jobs, which PgBouncer in transaction mode does not carry through: where one
# stands in front of the database, this names the database itself.
WORKER_DATABASE_URL = env.str("AGENHOOD_WORKER_DATABASE_URL", "") or env.str("DATABASE_URL")

# Shared by all processes without another service; rate limits are counted in it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
        # Past these it forgets a third, whatever it is: somebody's count of failed sign-ins, too.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# Tables that belong to no workspace: people, their sessions, Django's own bookkeeping. A table of
# any other app must belong to one; `manage.py check_isolation` fails on it otherwise.
WORKSPACES_SHARED_APPS = [
    "accounts",
    "account",
    "admin",
    "auth",
    "contenttypes",
    "procrastinate",  # the queue: jobs of all workspaces, which hold ids only
    "sessions",
    "usersessions",
    "mfa",
    "socialaccount",
]
WORKSPACES_SHARED_TABLES = ["django_migrations", "django_cache"]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    }
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # platform staff made the account with this address
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to strangers' addresses
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PRODUCTION else "http"
# Of an account strictly, of an address generously: docs/signing-in.md. The first that is reached
# ends the counting, so that whoever is locked out does not use up what an office shares.
ACCOUNT_RATE_LIMITS = {
    "login": "300/m/ip",
    "login_failed": "5/5m/key,50/5m/ip",  # `key` is an account at an address: accounts/adapter.py
    "login_failed_anywhere": "100/h/key",  # of an account
}
MFA_RATE_LIMITS = {"webauthn_login": "60/m/ip"}
# Behind how many proxies of ours the console stands: their X-Forwarded-For is believed.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("AGENHOOD_TRUSTED_PROXIES", 0)

MFA_ADAPTER = "accounts.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "activate_totp": "accounts.second_factor_forms.AppForm",
    "add_webauthn": "accounts.second_factor_forms.PasskeyForm",
    "authenticate": "accounts.second_factor_forms.CodeForm",
    "authenticate_webauthn": "accounts.second_factor_forms.PasskeyProofForm",
    "edit_webauthn": "accounts.second_factor_forms.PasskeyNameForm",
    "login_webauthn": "accounts.second_factor_forms.PasskeySignInForm",
    "reauthenticate": "accounts.second_factor_forms.CodeAgainForm",
    "reauthenticate_webauthn": "accounts.second_factor_forms.PasskeyAgainForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # clocks go wrong; each code is taken once all the same
# "required" keeps platform staff without a second factor out of the admin site.
AGENHOOD_STAFF_SECOND_FACTOR = env.str("AGENHOOD_STAFF_SECOND_FACTOR", "optional")
if AGENHOOD_STAFF_SECOND_FACTOR not in {"optional", "required"}:
    raise ImproperlyConfigured('AGENHOOD_STAFF_SECOND_FACTOR must be "optional" or "required".')

# Single sign-on with one OpenID Connect provider, for accounts that are there already.
AGENHOOD_OIDC_ISSUER = env.str("AGENHOOD_OIDC_ISSUER", "")
SOCIALACCOUNT_ADAPTER = "accounts.oidc.SingleSignOnAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = oidc_providers(
    AGENHOOD_OIDC_ISSUER,
    client_id=env.str("AGENHOOD_OIDC_CLIENT_ID", ""),
    client_secret=env.str("AGENHOOD_OIDC_CLIENT_SECRET", ""),
    name=env.str("AGENHOOD_OIDC_NAME", "single sign-on"),
    https_only=PRODUCTION,
)

EMAIL_CONFIG = env.email_url("EMAIL_URL", "dummymail://" if PRODUCTION else "consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10  # seconds; some mails are sent while a person waits
DEFAULT_FROM_EMAIL = env.str("AGENHOOD_FROM_EMAIL", "agenhood@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Whom a person should ask who is in no workspace, or forgot their password where no mail is sent.
CONTACT_EMAIL = env.str("AGENHOOD_CONTACT_EMAIL", "")
# Whether whom a workspace invites may make an account, if they have none yet.
INVITE_NEWCOMERS = env.bool("AGENHOOD_INVITE_NEWCOMERS", True)

# In the session, not in a cookie: the admin site's messages name workspaces.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
# `__Host-` makes the browser itself refuse a cookie set by another host of the domain.
SESSION_COOKIE_NAME = "__Host-sessionid" if PRODUCTION else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if PRODUCTION else "csrftoken"
CSRF_FAILURE_VIEW = "agenhood.errors.csrf_failure"
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("AGENHOOD_BEHIND_PROXY", False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Streams of events: agenhood/live/. Whoever may not watch any more does so no longer than this.
LIVE_RECHECK_SECONDS = env.float("AGENHOOD_LIVE_RECHECK_SECONDS", 4.0)
if not 0 < LIVE_RECHECK_SECONDS <= 4:
    raise ImproperlyConfigured("AGENHOOD_LIVE_RECHECK_SECONDS is more than 0, and 4 at most.")
LIVE_PER_PERSON = env.int("AGENHOOD_LIVE_PER_PERSON", 20)
LIVE_PER_PROCESS = env.int("AGENHOOD_LIVE_PER_PROCESS", 5000)

DEFAULT_EXCEPTION_REPORTER_FILTER = "agenhood.error_report.ReportFilter"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
FILES = {
    "folder": Path(env.str("AGENHOOD_FILES", "") or data_folder() / "files"),
    "url": env.str("AGENHOOD_FILES_URL", ""),
    "access_key": env.str("AGENHOOD_FILES_ACCESS_KEY", ""),
    "secret_key": env.str("AGENHOOD_FILES_SECRET_KEY", ""),
}
ARTIFACT_MAX_BYTES = env.int("AGENHOOD_ARTIFACT_MAX_MB", 100) * 10**6
EXPORT_MAX_BYTES = env.int("AGENHOOD_EXPORT_MAX_MB", 1000) * 10**6
# Agents' directories, on this machine's own disk: agenhood/fleet/agent_files/place.py. As root each
# agent has a system user of its own, from this number on; nothing else uses those that systemd
# leaves alone: https://systemd.io/UIDS-GIDS.
AGENHOOD_AGENTS = Path(env.str("AGENHOOD_AGENTS", "") or data_folder() / "agents").resolve()
AGENHOOD_FIRST_AGENT_UID = env.int("AGENHOOD_FIRST_AGENT_UID", 1_900_000_000)
# What keeps agents' programs apart: docs/sandbox.md.
AGENHOOD_SANDBOX = env.str("AGENHOOD_SANDBOX", "bubblewrap")
if AGENHOOD_SANDBOX not in {"bubblewrap", "docker"}:
    raise ImproperlyConfigured('AGENHOOD_SANDBOX must be "bubblewrap" or "docker".')
AGENHOOD_SANDBOX_CPUS = env.float("AGENHOOD_SANDBOX_CPUS", 1.0)  # of one agent's programs together
AGENHOOD_DOCKER_SOCKET = env.str("AGENHOOD_DOCKER_SOCKET", "/var/run/docker.sock")
AGENHOOD_DOCKER_IMAGE = env.str("AGENHOOD_DOCKER_IMAGE", "python:3.13-slim")
AGENHOOD_DOCKER_RUNTIME = env.str("AGENHOOD_DOCKER_RUNTIME", "")  # the engine's own, if it is empty
# How long an agent's container waits for its next task; with 0 each task has one of its own.
AGENHOOD_DOCKER_IDLE_SECONDS = env.float("AGENHOOD_DOCKER_IDLE_SECONDS", 300.0)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "artifacts": storage("artifacts", **FILES),
    "exports": storage("exports", **FILES),
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# How long audit trails are kept; 0 is for ever. `manage.py prune_audit` removes what is older.
AGENHOOD_AUDIT_RETENTION_DAYS = env.int("AGENHOOD_AUDIT_RETENTION_DAYS", 0)
if AGENHOOD_AUDIT_RETENTION_DAYS < 0:
    raise ImproperlyConfigured("AGENHOOD_AUDIT_RETENTION_DAYS is a number of days, or 0.")
# A line of JSON on stdout for each entry of an audit trail, for whatever collects them elsewhere.
AUDIT_LOG = env.bool("AGENHOOD_AUDIT_LOG", PRODUCTION)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "agenhood.request_id.LogFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} [{request_id}] {message}", "style": "{"},
        "bare": {"format": "{message}", "style": "{"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["request_id"],
            "formatter": "line",
        },
        # A line of JSON for each entry of an audit trail, for whatever collects them elsewhere.
        "audit": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "bare",
        },
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "agenhood.audit": {
            "handlers": ["audit"] if AUDIT_LOG else [],
            "level": "INFO",
            "propagate": False,
        },
        "procrastinate": {"level": "WARNING"},  # workspaces.jobs says in a line how a job ended
        "httpx2": {"level": "WARNING"},  # a line for each request to a model, with its address
    },
}
