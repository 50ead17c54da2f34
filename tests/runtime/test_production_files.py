"""Dockerfile and docker-compose.yml, as far as they can be judged without a container engine."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.runtime import ports, processes
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


def _web_of_the_image(**environment: str) -> tuple[list[str], dict[str, str]]:
    """The command of the image, on a free port, and its environment without a database."""
    words = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert words
    argv = [sys.executable, "-m", *json.loads(words[1])]
    argv[argv.index("--bind") + 1] = f"127.0.0.1:{ports.pick_free()}"
    servers = {
        "DATABASE_URL": f"postgresql://csc@127.0.0.1:{ports.pick_free()}/csc",
        "REDIS_URL": "redis://127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "backend.settings",
    }
    return argv, os.environ | servers | environment


def _ask(address: str, path: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Request-Id", ""), answer.read().decode()
    finally:
        connection.close()


def _is_up(address: str) -> bool:
    try:
        return _ask(address, "/healthz")[0] == 200
    except OSError:
        return False


def test_web_writes_every_line_as_json_with_the_id_of_the_request(tmp_path: Path) -> None:
    """Its start, the requests, an error with its traceback, its end; no secret of an address."""
    argv, environment = _web_of_the_image(
        CSC_MODE="test", CSC_LOG="json", CSC_DATA_DIR=str(tmp_path)
    )
    address, log = argv[argv.index("--bind") + 1], tmp_path / "web.log"
    with log.open("wb") as file:
        process = processes.spawn(argv, env=environment, cwd=ROOT, stdout=file.fileno())
    try:
        assert processes.wait_until(lambda: _is_up(address), seconds=90), log.read_text()
        _status, missing, body = _ask(address, "/api/v1/no/such/address/")
        assert json.loads(body)["request_id"] == missing
        status, broken, page = _ask(address, "/account/password/reset/key/1-secret-of-a-mail/")
        assert (status, broken in page) == (503, True)
    finally:
        processes.stop(process, signal.SIGTERM)

    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"event", "level", "timestamp"} <= set.intersection(*map(set, lines))
    access = {line["request_id"]: line for line in lines if line["event"] == "request"}
    assert (access[missing]["status"], access[missing]["method"]) == (404, "GET")
    assert access[broken]["route"].startswith("account/password/reset/key/")
    assert "secret-of-a-mail" not in "".join(map(str, access.values()))
    errors = [line for line in lines if "exception" in line]
    assert {line["request_id"] for line in errors} == {broken}
    said = " ".join(line["event"] for line in lines)
    assert "Listening at" in said and "Booting worker" in said and "Shutting down" in said
    assert "/healthz" not in text


def test_web_names_a_wrong_variable_in_one_line(tmp_path: Path) -> None:
    argv, environment = _web_of_the_image(
        CSC_MODE="production", CSC_DATA_DIR=str(tmp_path), FILES_URL="ftp://files.example.org"
    )
    environment |= _SECRETS | {"SECRET_KEY": secrets.token_urlsafe(50)}
    ended = subprocess.run(
        argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode
    assert ended.stderr.startswith("error: FILES_URL names neither a folder nor a bucket; write ")
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1)
