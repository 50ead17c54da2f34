"""Dockerfile and docker-compose.yml, as far as they can be judged without a container engine."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.runtime.bootstrap import ROOT
from backend.runtime.pdf_libraries import PACKAGES

Compose = dict[str, dict[str, dict[str, Any]]]

_SECRETS = {
    "SECRET_KEY": "x" * 50,
    "POSTGRES_PASSWORD": "pg",
    "REDIS_PASSWORD": "vk",
    "PUBLIC_URL": "https://cities.example.org",
    "ALLOWED_HOSTS": "cities.example.org",
    "EMAIL_URL": "smtp://mail.example.org",
}
_PARTS = {"web", "relay", "worker", "prompt", "beat"}


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def _has_compose() -> bool:
    return (
        bool(shutil.which("docker"))
        and subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False
        ).returncode
        == 0
    )


@pytest.mark.skipif(not _has_compose(), reason="no docker compose here")
def test_compose_accepts_the_file_with_its_secrets_and_refuses_it_without() -> None:
    argv = ["docker", "compose", "config", "-q"]
    bare = {k: v for k, v in os.environ.items() if k not in _SECRETS}
    subprocess.run(argv, cwd=ROOT, env=bare | _SECRETS, check=True)
    for name in _SECRETS:
        refused = subprocess.run(
            argv,
            cwd=ROOT,
            env=bare | {k: v for k, v in _SECRETS.items() if k != name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode
        assert name in refused.stderr


def test_every_part_of_the_service_waits_for_the_preparation_and_healthy_servers(
    compose: Compose,
) -> None:
    services = compose["services"]
    assert set(services) == _PARTS | {"prepare", "postgres", "valkey"}
    for name in _PARTS:
        conditions = {
            other: need["condition"] for other, need in services[name]["depends_on"].items()
        }
        assert conditions == {
            "prepare": "service_completed_successfully",
            "postgres": "service_healthy",
            "valkey": "service_healthy",
        }


def test_every_part_runs_without_privileges_on_a_read_only_system(compose: Compose) -> None:
    for name in _PARTS | {"prepare"}:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_deployed_workers_have_the_options_of_the_tested_ones(compose: Compose) -> None:
    """A broken broker ends a worker that gossips with others. One takes from the prompt queue
    alone, the other from every queue.
    """
    for name, queues in (("worker", None), ("prompt", "prompt")):
        words = compose["services"][name]["command"]
        assert {"--without-gossip", "--without-mingle"} <= set(words)
        assert (words[words.index("--queues") + 1] if "--queues" in words else None) == queues


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in _SECRETS:
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text


def test_servers_and_web_have_health_checks(compose: Compose) -> None:
    for name in ("web", "worker", "postgres", "valkey"):
        assert "healthcheck" in compose["services"][name]


def test_data_of_the_servers_live_in_volumes(compose: Compose) -> None:
    mounted = {
        str(volume).split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
    }
    assert mounted == set(compose["volumes"])


def test_image_runs_as_an_ordinary_user_and_copies_only_what_exists() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["csc"]
    sources = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert sources
    allowed = {
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for source in sources:
        assert (ROOT / source).exists()
        assert source.split("/")[0] in allowed


def test_static_files_are_collected_once_a_version_in_the_image(
    compose: Compose, tmp_path: Path
) -> None:
    assert "collectstatic" in (ROOT / "Dockerfile").read_text()
    assert not any(
        "collectstatic" in str(service.get("command")) for service in compose["services"].values()
    )
    production = (
        os.environ
        | _SECRETS
        | {
            "CSC_MODE": "production",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "CSC_DATA_DIR": str(tmp_path),
            "DATABASE_URL": "postgresql://csc@127.0.0.1/csc",
            "REDIS_URL": "redis://127.0.0.1",
            "DJANGO_SETTINGS_MODULE": "backend.settings",
        }
    )
    argv = [sys.executable, "-c", "from django.conf import settings; print(settings.STATIC_ROOT)"]
    where = subprocess.run(
        argv, cwd=ROOT, env=production, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert Path(where).is_relative_to(ROOT), "a volume would keep the files of an older image"


def test_image_has_what_pdfs_are_drawn_with() -> None:
    installed = re.search(r"apt-get install .*?&& rm", (ROOT / "Dockerfile").read_text(), re.DOTALL)
    assert installed and set(PACKAGES) <= set(installed.group().split())


def test_image_and_compose_file_know_the_object_store(compose: Compose) -> None:
    """Its client is in what the image installs, and each part that touches files has the URL."""
    lock = (ROOT / "requirements.lock").read_text()
    assert {"django-storages", "boto3"} <= set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    for name in _PARTS | {"prepare"}:
        assert compose["services"][name]["environment"]["FILES_URL"] == "${FILES_URL:-}"
