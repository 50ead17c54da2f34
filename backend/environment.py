"""The typed environment: every variable the service reads, checked once, with one clear line when
it is wrong.

Own code, since ``manage.py`` reads it before any library is installed.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent
Mode = Literal["local", "test", "production"]
CONNECT_SECONDS = 2  # the least that the driver takes
# A server whose machine is gone, or cut off from this one, is known to be so in seconds.
_KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}
# Even 50 random hexadecimal digits hold 12 different ones; a key with fewer was typed or repeated.
_SECRET_KEY_LENGTH, _SECRET_KEY_DIFFERENT = 50, 12
_METRICS_TOKEN_LENGTH = 20
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class ConfigurationError(Exception):
    """A variable is missing or wrong; the message says which, and how to correct it."""


@dataclass(frozen=True, slots=True)
class Environment:
    mode: Mode
    data_dir: Path
    secret_key: str
    database: dict[str, Any]
    redis_url: str
    allowed_hosts: list[str]
    public_url: str
    files: dict[str, Any]
    email: dict[str, Any]
    default_from_email: str
    log_json: bool
    undo_seconds: int
    page_cache_mb: int
    places_from: int
    metrics_token: str


def _split(name: str, url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:  # a bracket left open, for one
        raise ConfigurationError(
            f"{name} is not an address ({error}); write scheme://user:password@host:port/name"
        ) from None


# Django joins the tables that filter first, those that only complete the rows last. To plan all
# orders of a dozen tables takes PostgreSQL 13 ms, in groups of four 4 ms; to run it half of one.
_PLANNING = "-c join_collapse_limit=4"


def _server_settings(query: dict[str, str], seconds: int) -> dict[str, str]:
    """Settings of each connection: how joins are planned, and the server's own limits of a
    statement and of its waiting for a lock; no limits for 0 seconds.
    """
    limits = f"-c statement_timeout={seconds}s -c lock_timeout={max(1, seconds // 2)}s"
    parts = (_PLANNING, limits if seconds else "", query.get("options", ""))
    return {"options": " ".join(part for part in parts if part)}


def _statement_seconds(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= 3600):
        raise ConfigurationError(
            f"CSC_STATEMENT_SECONDS is {value!r}; write how long a statement may take, 1 to 3600 "
            "seconds, or 0 for no limit"
        )
    return int(value)


def _database(url: str, seconds: int) -> dict[str, Any]:
    parts = _split("DATABASE_URL", url)
    name = unquote(parts.path.lstrip("/"))
    try:
        port = parts.port
    except ValueError:
        raise ConfigurationError(
            "DATABASE_URL has a port that is not a number; write "
            "postgresql://user:password@host:5432/name"
        ) from None
    query = dict(parse_qsl(parts.query))
    host = query.pop("host", None) or (unquote(parts.hostname) if parts.hostname else "")
    if parts.scheme not in {"postgres", "postgresql"} or not name:
        raise ConfigurationError(
            "DATABASE_URL is not a PostgreSQL address; write "
            "postgresql://user:password@host:5432/name"
        )
    return {
        "ENGINE": "backend.common.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or query.pop("port", "")),
        "OPTIONS": {
            "connect_timeout": CONNECT_SECONDS,
            **_KEEPALIVES,
            **query,
            **_server_settings(query, seconds),
        },
        "ATOMIC_REQUESTS": False,
        # A new connection costs five times what a page needs of the database
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _redis(url: str) -> str:
    parts = _split("REDIS_URL", url)
    try:
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        port_ok = False
    if parts.scheme not in {"redis", "rediss", "unix", "redis+socket"} or not port_ok:
        raise ConfigurationError(
            "REDIS_URL is not a Redis address; write redis://:password@host:6379/0"
        )
    return url


def _files(url: str, data_dir: Path) -> dict[str, Any]:
    """FILES_URL as an entry of STORAGES: ``file:`` (the data folder), ``file:///srv/files``, or
    ``s3://[key:secret@]bucket[/prefix][?endpoint_url=https://…&region=…]``.
    """
    parts = _split("FILES_URL", url)
    if parts.scheme == "s3":
        return {
            "BACKEND": "backend.common.object_storage.ObjectStorage",
            "OPTIONS": _bucket(parts),
        }
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc or parts.query or (parts.path and path == Path("/")):
        raise _wrong_files("names neither a folder nor a bucket")
    if parts.path and not path.is_absolute():
        raise _wrong_files("names a folder that is not absolute")
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": path if parts.path else data_dir / "uploads"},
    }


def _bucket(parts: SplitResult) -> dict[str, Any]:
    credentials, at, bucket = parts.netloc.rpartition("@")
    key, _colon, secret = credentials.partition(":")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint, region = query.pop("endpoint_url", None), query.pop("region", None)
    if not _BUCKET.fullmatch(bucket):
        raise _wrong_files("has no name of a bucket (3 to 63 small letters, digits, - and .)")
    if at and not (key and secret):
        raise _wrong_files("has a key without its secret")
    if query or parts.fragment:
        raise _wrong_files(f"has {', '.join(query) or parts.fragment!r}, which means nothing here")
    if endpoint is not None:
        host = _split("FILES_URL", endpoint)
        if host.scheme not in {"http", "https"} or not host.hostname:
            raise _wrong_files("has an endpoint_url that is no web address")
    given = {
        "bucket_name": bucket,
        "location": unquote(parts.path).strip("/"),
        "endpoint_url": endpoint,
        "region_name": region,
        "access_key": unquote(key),
        "secret_key": unquote(secret),
    }
    return {name: value for name, value in given.items() if value}


def _wrong_files(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"FILES_URL {what}; write file:///srv/files or "
        "s3://bucket/prefix?endpoint_url=https://storage.example.org&region=eu-central-1"
    )


def _email(url: str, data_dir: Path) -> dict[str, Any]:
    """EMAIL_URL: ``file:`` (mails as files in the data folder) or
    ``smtp[s]://user:password@host:port``.
    """
    parts = _split("EMAIL_URL", url)
    if parts.scheme == "file":
        return {
            "EMAIL_BACKEND": "backend.notifications.mail_files.FolderBackend",
            "EMAIL_FILE_PATH": str(data_dir / "mail"),
        }
    try:
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
    except ValueError:
        port = 0
    if parts.scheme not in {"smtp", "smtps", "smtp+plain"} or not parts.hostname or not port:
        raise ConfigurationError(
            "EMAIL_URL is not a mail address; write smtp://user:password@host:587, smtps://…:465 "
            "or file:"
        )
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp",
        "EMAIL_TIMEOUT": 10,
    }


def _undo_seconds(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= 3600):
        raise ConfigurationError(
            f"CSC_UNDO_SECONDS is {value!r}; write how long an answer can be undone, 0 to 3600 "
            "seconds"
        )
    return int(value)


def _page_cache_mb(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= 4096):
        raise ConfigurationError(
            f"CSC_PAGE_CACHE_MB is {value!r}; write how many megabytes of public pages each "
            "process of the web keeps, 1 to 4096, or 0 for none"
        )
    return int(value)


def _places_from(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= 100_000_000):
        raise ConfigurationError(
            f"CSC_PLACES_FROM is {value!r}; write how many inhabitants a place of the gazetteer "
            "has at least, up to 100000000, or 0 for all places"
        )
    return int(value)


def _metrics_token(value: str) -> str:
    if value and len(value) < _METRICS_TOKEN_LENGTH:
        raise ConfigurationError(
            f"METRICS_TOKEN is shorter than {_METRICS_TOKEN_LENGTH} characters; leave it out or "
            "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return value


def _check_production(hosts: list[str], public_scheme: str, email_scheme: str) -> None:
    """What works on one machine and is dangerous in public."""
    if public_scheme != "https":
        raise ConfigurationError(
            "PUBLIC_URL is not https: sign-in cookies are sent by https alone; write "
            "https://cities.example.org"
        )
    if any(host.startswith("*") for host in hosts):
        raise ConfigurationError(
            "ALLOWED_HOSTS admits every host name; write the service's own: cities.example.org"
        )
    if email_scheme == "file":
        raise ConfigurationError(
            "EMAIL_URL writes mails to files, which nobody receives; write "
            "smtp://user:password@host:587"
        )


def _check_secret_key(key: str) -> None:
    """What Django's ``check --deploy`` warns of (security.W009), as an error."""
    recipe = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
    if len(key) < _SECRET_KEY_LENGTH:
        raise ConfigurationError(
            f"SECRET_KEY is shorter than {_SECRET_KEY_LENGTH} characters; {recipe}"
        )
    if len(set(key)) < _SECRET_KEY_DIFFERENT or key.startswith("django-insecure-"):
        raise ConfigurationError(f"SECRET_KEY can be guessed; {recipe}")


def read_environment(environ: dict[str, str] | None = None) -> Environment:
    """The checked environment.

    Raises:
        ConfigurationError: a variable is missing in production, or cannot be understood.
    """
    env = dict(os.environ) if environ is None else environ
    mode = env.get("CSC_MODE", "local")
    if mode not in {"local", "test", "production"}:
        raise ConfigurationError(f"CSC_MODE is {mode!r}; it must be local, test or production")
    production = mode == "production"
    data_dir = Path(env.get("CSC_DATA_DIR") or REPOSITORY / "var").expanduser().resolve()

    def required(name: str, fallback: str) -> str:
        value = env.get(name, "")
        if not value and production:
            raise ConfigurationError(
                f"{name} is not set; production takes its settings from the environment"
            )
        return value or fallback

    secret_key = required("SECRET_KEY", secrets.token_urlsafe(50))
    if production:
        _check_secret_key(secret_key)
    public_url = required("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
    public = _split("PUBLIC_URL", public_url)
    if public.scheme not in {"http", "https"} or not public.hostname:
        raise ConfigurationError(
            "PUBLIC_URL is not a web address; write https://cities.example.org"
        )
    hosts = [
        h.strip()
        for h in required("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
        if h.strip()
    ]
    email_url = required("EMAIL_URL", "file:")
    if production:
        _check_production(hosts, public.scheme, _split("EMAIL_URL", email_url).scheme)
    return Environment(
        mode=cast("Mode", mode),
        data_dir=data_dir,
        secret_key=secret_key,
        database=_database(
            required("DATABASE_URL", "postgresql://csc@127.0.0.1:5432/csc"),
            _statement_seconds(env.get("CSC_STATEMENT_SECONDS", "0")),
        ),
        redis_url=_redis(required("REDIS_URL", "redis://127.0.0.1:6379/0")),
        allowed_hosts=hosts,
        public_url=public_url,
        files=_files(env.get("FILES_URL") or "file:", data_dir),
        email=_email(email_url, data_dir),
        default_from_email=env.get(
            "DEFAULT_FROM_EMAIL", "Cities Seeking Cities <no-reply@localhost>"
        ),
        undo_seconds=_undo_seconds(env.get("CSC_UNDO_SECONDS", "60")),
        # Tests look at what is made, not at what was kept; those of the cache itself set it.
        page_cache_mb=_page_cache_mb(env.get("CSC_PAGE_CACHE_MB", "0" if mode == "test" else "64")),
        places_from=_places_from(env.get("CSC_PLACES_FROM", "0")),
        metrics_token=_metrics_token(env.get("METRICS_TOKEN", "")),
        log_json=env.get("CSC_LOG", "json" if production else "console") == "json",
    )
