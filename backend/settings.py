"""Django settings. One file; what differs between machines comes from the typed environment
(backend/environment.py).
"""

from __future__ import annotations

from typing import Any

import structlog
from csp.constants import NONE, SELF

from backend.environment import REPOSITORY, read_environment

ENV = read_environment()
MODE = ENV.mode
PRODUCTION = MODE == "production"
DATA_DIR = ENV.data_dir
PUBLIC_URL = ENV.public_url
SECRET_KEY = ENV.secret_key
METRICS_TOKEN = ENV.metrics_token
PLACES_FROM = ENV.places_from
DEBUG = False
ALLOWED_HOSTS = ENV.allowed_hosts
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "backend.web.html.errors.csrf_failure"

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_prometheus",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "backend.common",
    "backend.outbox",
    "backend.accounts",
    "backend.cities",
    "backend.suggestions",
    "backend.introductions",
    "backend.notifications",
    "backend.web",
    "backend.runtime",
    "backend.lab",
    "tasks",
]

MIDDLEWARE = [
    "backend.web.operations.request_ids.RequestIdMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "backend.web.html.languages.LanguageAddressMiddleware",
    "backend.web.cache.PageCacheMiddleware",
    "backend.web.html.sessions.NoStoreMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "backend.web.rest.problems.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "backend.web.html.sessions.StaffSessionMiddleware",
    "backend.web.html.languages.LanguageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "backend.web.html.access.AccessMiddleware",
    "backend.web.html.typed.TypedTextMiddleware",
    "backend.web.html.errors.DomainErrorMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "backend.urls"
WSGI_APPLICATION = "backend.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps' own, so that sign-in pages look like all others.
        "DIRS": [REPOSITORY / "backend" / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "backend.web.html.context.site",
            ],
        },
    }
]

FORM_RENDERER = "backend.web.html.forms.FormRenderer"

DATABASES = {"default": ENV.database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = ENV.redis_url

AUTH_USER_MODEL = "accounts.User"
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - a model
# Its own table would stand empty beside ours, and be in the way of every flush.
MIGRATION_MODULES = {"knox": None}
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher"
    if MODE == "test"
    else "django.contrib.auth.hashers.PBKDF2PasswordHasher"
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "web:dashboard"
LOGOUT_REDIRECT_URL = "web:home"
ACCOUNT_ADAPTER = "backend.web.html.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "signup": "backend.web.accounts.forms.SignUpForm",
    "login": "backend.web.accounts.forms.SignInForm",
    "request_login_code": "backend.web.accounts.forms.CodeRequestForm",
    "reset_password": "backend.web.accounts.forms.ResetRequestForm",
    "set_password": "backend.web.accounts.forms.FirstPasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
# Without a password one signs in by a code that comes by mail.
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# An address is confirmed before anybody gets in: so sign-up answers alike for an address that has
# an account and one that has none.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PREVENT_ENUMERATION = True
# Mails about an account name it by its address: a name is free words, and a stranger may write them
# for the mailbox of somebody else.
ACCOUNT_USER_DISPLAY = "backend.web.html.adapters.address_of"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60  # a mail may take its time
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A whole town hall shares one network address: the limit per address ("ip") is wide, the one per
# account ("key") narrow (counted in the database cache). Tries, codes and resets of an account are
# counted for each network address by itself, so that a stranger elsewhere closes none of its doors;
# all guesses together ("guesses") only for networks where the account is not signed in. Second
# factors are counted under "login_failed" too, by account alone: its longer windows are a lock that
# grows.
ACCOUNT_RATE_LIMITS = {
    "login": "600/m/ip",
    "login_failed": "10/m/key,30/h/key,60/d/key,300/m/ip",
    "guesses": "200/h/key",
    "signup": "300/m/ip",
    "request_login_code": "300/m/ip",
    "code_by_network": "5/m/key",
    "reset_password": "300/m/ip",
    "reset_by_network": "5/m/key",
    # The first sign-in after sign-up, on another device, sends a code of its own
    "confirm_email": "10/m/key",
    "reset_password_from_key": "300/m/ip",
    # Messages to staff and to organisations, from one network address
    "contact": "20/h/key,60/d/key",
}
# In production one proxy stands before the service: the last address that it names is the client's,
# whatever the client wrote before it.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if PRODUCTION else 0
MFA_ADAPTER = "backend.web.html.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Cities Seeking Cities"
MFA_TOTP_TOLERANCE = 1
MFA_RATE_LIMITS = {"webauthn_login": "300/m/ip"}
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
# Staff need a second factor. The sample world's staff are spared where their shared password is
# printed on the terminal anyway.
STAFF_SECOND_FACTOR: dict[str, bool] = {"required": True, "spares_samples": not PRODUCTION}
# A session of staff ends, whatever its cookie says
STAFF_SESSIONS: dict[str, int] = {"longest_hours": 12, "idle_minutes": 30}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token", "TOKEN_PREFIX": "csc_"}
# Whether members of staff may have tokens is a policy; theirs open what staff see.
API_TOKENS: dict[str, int] = {
    "longest_days": 365,
    "most": 10,
    "for_staff": True,
    "longest_days_of_staff": 90,
}
# How often one person, and all persons of one community together, may do this within a day; counted
# in the trail. Staff have no quota.
DAILY_QUOTAS: dict[str, int] = {
    "community_registered": 5,
    "join_requested": 10,
    "invitation_sent": 50,
    "letter_attached": 15,
    "picture_changed": 15,
    "agreement_document_added": 15,
}
DAILY_QUOTAS_OF_COMMUNITY: dict[str, int] = {
    "invitation_sent": 100,
    "letter_attached": 20,
    "picture_changed": 20,
    "agreement_document_added": 20,
}
# Messages from one address of mail, and in one thread, within a day. Whoever sends a form sooner
# than ``least_seconds`` after it was opened is a machine.
CONTACT: dict[str, int] = {
    "a_day": 5,
    "replies_a_day": 20,
    "least_seconds": 3,
    "longest_hours": 24,
}
INVITATIONS: dict[str, int] = {"days": 14, "most_waiting": 50}
PAGE_CACHE_BYTES = ENV.page_cache_mb * 2**20  # of public pages, in each process of the web
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"},
    "requests": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("de", "Deutsch"),
    ("ja", "日本語"),
    ("ar", "العربية"),
]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["backend.formats"]
LOCALE_PATHS = [REPOSITORY / "backend" / "locale"]

STATIC_URL = "/static/"
# Files are served from the packages themselves on one machine. In production they are hashed and
# collected beside the code, once for each version of it: they change with nothing else.
STATIC_ROOT = REPOSITORY / "staticfiles" if PRODUCTION else DATA_DIR / "static"
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": ENV.files,
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

globals().update(ENV.email)
DEFAULT_FROM_EMAIL = ENV.default_from_email
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_SUBJECT_PREFIX = ""

FILE_UPLOAD_HANDLERS = [
    "backend.common.files.LimitedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o600

if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # Probes of the container engine come over plain HTTP from the same host.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "knox.auth.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["backend.web.rest.access.AccessPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["backend.web.rest.parsers.TypedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "backend.web.rest.pagination.CursorPages",
    "EXCEPTION_HANDLER": "backend.web.rest.problems.problem_handler",
    "DEFAULT_VERSIONING_CLASS": None,
    "DEFAULT_THROTTLE_RATES": {"person": "1200/min" if MODE != "test" else "100000/min"},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Cities Seeking Cities",
    "DESCRIPTION": "Profiles, suggestions, introductions and partnerships of communities that look "
    "for partner cities.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [],
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}},
    "SWAGGER_UI_SETTINGS": {
        "docExpansion": "none",
        "displayRequestDuration": True,
        "validatorUrl": None,
    },
}

# The rules of the service that staff may want to change; see docs/domain.md.
SUGGESTIONS: dict[str, Any] = {
    "k": 20,
    # Each side's own preference must reach it; a typical counterpart of a community has .27
    "promising": 0.46,
    # Open suggestions for each introduction that a community has room for, but at least and at
    # most so many: a few good ones, which can all be looked at
    "per_introduction": 2,
    "places_least": 3,
    "places_most": 5,
    "cooling_months": 12,
    "answer_days": 60,
    "remind_days": 14,  # before the end of the time to answer
    # An answer takes effect, and can no longer be undone, when they are over
    "undo_seconds": ENV.undo_seconds,
    "release": "all",  # all | by_hand
    # "We would like to meet them": as many communities may one name in a month, it reads an answer
    # after so many days, whatever the cause, and may name the same again so much later
    "requests_per_month": 3,
    "request_answer_days": 14,
    "request_again_months": 6,
    "few": 3,  # with fewer open suggestions a community reads what would change that
    "shards": 8,  # of a full run, so that several workers share it
    "shard_rows_min": 100,
    "runs_kept": 3,
}
PROFILES: dict[str, Any] = {
    "stale_months": 12,
    "reminder_months": (11, 12, 14),
    "unsuggested_months": 15,
}
# The first profile that is published from a country is read by two curators.
VETTING: dict[str, Any] = {"two_approvals_for_first_of_country": True}
# Days before the last one that dues cover; and how often a community may ask in a day
MEMBERSHIP: dict[str, Any] = {"reminder_days": 30, "requests_a_day": 3}
OUTBOX = {"lease_seconds": 15, "max_attempts": 3, "sweep_seconds": 2, "republish_seconds": 20}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structlog": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer()
            if ENV.log_json
            # Plain: with `rich` it would draw the values of all variables, passwords among them
            else structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
        }
    },
    "filters": {"refusals": {"()": "backend.web.operations.request_ids.RefusalFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "structlog",
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        # Each piece of work has its row; two lines for each message and each beat would bury what
        # matters.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "pikepdf": {"level": "WARNING"},  # says in every process that it is there
    },
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
