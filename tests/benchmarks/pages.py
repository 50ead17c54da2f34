"""Public pages beside a view that returns a constant: requests a second and times of answers.

    python3 -m tests.benchmarks.pages                          # a full world, made for it
    .venv/bin/python -m tests.benchmarks.pages --address http://127.0.0.1:8000   # a running service

Without an address it starts the embedded servers in a temporary folder, loads the whole gazetteer
and the listed partnerships, publishes `--communities` communities in the largest places, each fifth
a member in good standing, and serves them by one web process, as `manage.py up` does. wrk
(https://github.com/wg/wrk, Debian's package of that name) asks from the same machine.

"kept" asks for one address again and again. "first" asks for each address once: a filter, a search
or a page that nobody has asked for. All rows are of one run, `/healthz` first and last; a share is
of the mean of these two.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONSTANT = "/healthz"
SEED = 7
# Paths in the file that `list` names, each once, then from the beginning again.
SCRIPT = """
local paths, at = {}, 0
for line in io.lines("%s") do paths[#paths + 1] = line end
function request()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at], {["Accept-Encoding"] = "gzip"})
end
function done(summary, latency)
  io.write(string.format("RESULT %%d %%d %%.3f %%.3f %%.3f %%d\\n", summary.requests,
    summary.duration, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
    latency:percentile(99) / 1000, summary.errors.status + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class Row:
    page: str
    way: str
    rate: float  # requests a second
    p50: float  # milliseconds
    p95: float
    p99: float
    errors: int


def ask(address: str, page: str, way: str, paths: list[str], seconds: int, connections: int) -> Row:
    """One run of wrk over the paths."""
    with tempfile.TemporaryDirectory() as folder:
        listed, script = Path(folder) / "paths", Path(folder) / "ask.lua"
        listed.write_text("\n".join(paths) + "\n", encoding="utf-8")
        script.write_text(SCRIPT % listed, encoding="utf-8")
        said = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", str(script), address],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", said)
    if found is None:
        raise SystemExit(f"error: wrk answered {said!r}")
    requests, microseconds, p50, p95, p99, errors = map(float, found.groups())
    return Row(page, way, requests / microseconds * 1e6, p50, p95, p99, int(errors))


def first_paths(address: str, ids: list[int], rng: random.Random) -> dict[str, list[str]]:
    """Page → addresses of it that nobody has asked for, as people would."""
    words = _words(address)
    topics, themes, sectors = (
        [term["code"] for term in read_json(f"{address}/api/v1/vocabularies/{name}/")["terms"]]
        for name in ("topics", "themes", "sectors")
    )
    countries = ["US", "DE", "JP", "FR", "MX", "IN", "BR", "GB", "CN", "IT"]

    def seeking() -> str:
        return rng.choice(
            [
                f"search={rng.choice(words)}",
                f"topic={rng.choice(topics)}&country={rng.choice(countries)}",
                f"theme={rng.choice(themes)}&page={rng.randint(1, 9)}",
                f"sector={rng.choice(sectors)}",
                f"page={rng.randint(1, 60)}",
            ]
        )

    def directory() -> str:
        return rng.choice(
            [
                f"search={rng.choice(words)}",
                f"country={rng.choice(countries)}&page={rng.randint(1, 5)}",
                f"status=unknown&page={rng.randint(1, 30)}",
                f"kind={rng.choice(['us', 'global'])}",
            ]
        )

    # `x` means nothing to a page; it makes an address that was not asked for before.
    number = itertools.count()
    many = range(4000)
    return {
        "home": [f"/?x={next(number)}" for _ in many],
        "seeking": [f"/communities/?{seeking()}&x={next(number)}" for _ in many],
        "community": [f"/communities/{rng.choice(ids)}/?x={next(number)}" for _ in many],
        "directory": [f"/partnerships/?{directory()}&x={next(number)}" for _ in many],
        "API: communities": [
            f"/api/v1/communities/?search={rng.choice(words)}&page_size={size}"
            for size in range(1, 101)
            for _ in range(40)
        ],
        "API: places": [
            f"/api/v1/places/?q={word[:length]}" for word in words for length in range(3, 9)
        ],
    }


def _words(address: str) -> list[str]:
    """First words of the names of communities."""
    found = read_json(f"{address}/api/v1/communities/?page_size=100")["results"]
    return sorted({urllib.parse.quote(one["name"].split()[0]) for one in found})


def read_json(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def measure(address: str, ids: list[int], seconds: int, connections: int) -> None:
    kept = {
        "home": "/",
        "seeking": "/communities/",
        "community": f"/communities/{ids[0]}/",
        "directory": "/partnerships/",
        "sources": "/sources/",
        "API: communities": "/api/v1/communities/",
        "API: OpenAPI": "/api/v1/schema/",
    }
    first = first_paths(address, ids, random.Random(SEED))

    def one(page: str, way: str, paths: list[str]) -> Row:
        return ask(address, page, way, paths, seconds, connections)

    one("constant", "", [CONSTANT])  # whatever starts late has started
    rows = [one("constant", "", [CONSTANT])]
    for page, path in kept.items():
        urllib.request.urlopen(address + path).read()
        rows.append(one(page, "kept", [path]))
    for page, paths in first.items():
        random.Random(SEED).shuffle(paths)
        rows.append(one(page, "first", paths))
    rows.append(one("constant", "", [CONSTANT]))
    show(rows)


def show(rows: list[Row]) -> None:
    constant = (rows[0].rate + rows[-1].rate) / 2
    print(f"{'page':18}{'':7}{'a second':>9}{'share':>7}{'p50 ms':>8}{'p95':>8}{'p99':>8} errors")
    for row in rows:
        print(
            f"{row.page:18}{row.way:7}{row.rate:9.1f}{row.rate / constant:7.2f}"
            f"{row.p50:8.1f}{row.p95:8.1f}{row.p99:8.1f} {row.errors or ''}"
        )


def publish_communities(count: int) -> list[int]:
    """Communities in the ``count`` largest places, published, each fifth a member; their ids."""
    from django.utils.timezone import now

    from backend.cities.models import Community, Membership, Place, Profile, ProfileVersion
    from backend.cities.vocabularies import vocabulary
    from tests.factories import document

    rng = random.Random(SEED)
    topics, themes, sectors = (list(vocabulary(name)) for name in ("topics", "themes", "sectors"))
    places = Place.objects.filter(population__isnull=False).order_by("-population", "pk")[:count]
    communities = Community.objects.bulk_create(
        Community(
            kind="city",
            place=place,
            name=place.name,
            country_id=place.country_id,
            admin1=place.admin1,
            latitude=place.latitude,
            longitude=place.longitude,
            timezone=place.timezone,
            is_sample=True,
        )
        for place in places
    )
    profiles = Profile.objects.bulk_create(Profile(community=one) for one in communities)

    def answers() -> dict[str, Any]:
        chosen = rng.sample(topics, 8)
        return document(
            needs_offers={"needs": chosen[:4], "offers": chosen[4:]},
            themes={"importances": {theme: rng.randint(1, 3) for theme in rng.sample(themes, 4)}},
            sectors={"strengths": {sector: rng.randint(1, 3) for sector in rng.sample(sectors, 3)}},
        )

    versions = ProfileVersion.objects.bulk_create(
        [ProfileVersion(profile=profile, number=1, data=answers()) for profile in profiles],
        batch_size=2000,
    )
    for profile, version in zip(profiles, versions, strict=True):
        profile.current_version, profile.status = version, "published"
        profile.confirmed_at = now()
    Profile.objects.bulk_update(
        profiles, ["current_version", "status", "confirmed_at"], batch_size=2000
    )
    Membership.objects.bulk_create(
        Membership(community=one, standing="good", started_on=now().date())
        for one in communities[::5]
    )
    return [one.pk for one in communities]


@contextmanager
def full_world(count: int) -> Iterator[tuple[str, list[int]]]:
    """The address of a service with ``count`` communities, and their ids."""
    import django
    from django.core.management import call_command

    from backend.runtime.servers import running_servers

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        with running_servers(folder, environ={}) as servers:
            address = "http://127.0.0.1:8399"
            os.environ |= servers.environment | {
                "CSC_MODE": "local",
                "CSC_DATA_DIR": str(folder / "data"),
                "SECRET_KEY": secrets.token_hex(30),
                "PUBLIC_URL": address,
                "ALLOWED_HOSTS": "127.0.0.1",
                "DJANGO_SETTINGS_MODULE": "backend.settings",
            }
            django.setup()
            call_command("migrate", verbosity=0)
            call_command("createcachetable", verbosity=0)
            call_command("load_reference")
            ids = publish_communities(count)
            from django.db import connection, connections

            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            connections.close_all()
            with serving(address):
                yield address, ids


@contextmanager
def serving(address: str) -> Iterator[None]:
    web = [sys.executable, "-m", "gunicorn", "--bind", address.removeprefix("http://")]
    worker = ["--worker-class", "backend.runtime.web_worker.PatientWorker", "--threads", "16"]
    quiet = ["--no-control-socket", "--log-level", "warning"]
    process = subprocess.Popen([*web, *worker, *quiet, "backend.wsgi"], cwd=ROOT)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(address + CONSTANT).read()
                break
            except OSError:
                time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait()


def ids_of(address: str) -> list[int]:
    found = read_json(f"{address}/api/v1/communities/?page_size=100")["results"]
    return [one["id"] for one in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--address", help="of a running service, for its own world")
    parser.add_argument("--communities", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=6, help="for each row")
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("error: wrk is not installed; on Debian: apt-get install wrk")
    if options.address:
        address = options.address.rstrip("/")
        measure(address, ids_of(address), options.seconds, options.connections)
        return
    with full_world(options.communities) as (address, ids):
        measure(address, ids, options.seconds, options.connections)


if __name__ == "__main__":
    main()
