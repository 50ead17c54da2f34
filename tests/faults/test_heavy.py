"""Heavy acts do not stop the service: /healthz goes on answering under each of them.

Alone on a machine it answers within a second each time: `python3 manage.py test
tests/faults/test_heavy.py --no-browser -s` fails where it does not, and prints what was measured.
Beside other tests, which take all cores, what fails is a freeze: an answer that waits as long as
an act takes.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from backend.accounts.models import User
from backend.runtime import pdf_libraries
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ProfileFactory,
    SuggestionFactory,
    UserFactory,
)
from tests.faults.service import running, seconds_allowed
from tests.letters import pdf
from tests.web.service import WholeService

pytestmark = pytest.mark.django_db(transaction=True)

# The limit holds in the process apart alone: what a thread of the web did itself would go on.
_READING_SECONDS = 2
_LIMITS = f"""
def post_worker_init(worker):
    from backend.common import heavy

    heavy.READING.seconds = {_READING_SECONDS}
"""


class Web(WholeService):
    """The web alone, with its broker. It stops reading a file sooner than outside of tests."""

    def start(self) -> None:
        limits = self.folder / "limits.py"
        limits.write_text(_LIMITS)
        self.broker.start()
        self.start_web("--config", limits)
        self.until(self._answers, seconds=60)


@pytest.fixture(scope="module")
def web(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Web]:
    """One for all tests: each asks as a person of its own, whose budget is its own."""
    with django_db_blocker.unblock(), running(Web(tmp_path_factory.mktemp("web"))) as started:
        yield started


@dataclass
class Probe:
    """Asks /healthz again and again while something else is done."""

    url: str
    seconds: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        while not self.over.wait(0.05):
            begun = time.monotonic()
            with contextlib.suppress(OSError, http.client.HTTPException):
                urllib.request.urlopen(f"{self.url}/healthz", timeout=20).read()
            self.seconds.append(time.monotonic() - begun)


def measured(web: Web, name: str, what: Callable[[], Counter[int]]) -> Counter[int]:
    """What is answered, by status; fails when /healthz took more than a second meanwhile. Beside
    other tests: oftener than one time in ten, or ever four seconds.
    """
    probe = Probe(web.url)
    thread = threading.Thread(target=probe.ask)
    thread.start()
    begun = time.monotonic()
    try:
        answers = what()
    finally:  # a thread that goes on would keep the whole run from its end
        probe.over.set()
        thread.join()
    *_others, slowest = ordered = sorted(probe.seconds)
    print(
        f"\n{name}: {time.monotonic() - begun:.1f} s, answers {dict(answers)}; /healthz asked "
        f"{len(probe.seconds)} times, slowest {slowest:.2f} s"
    )
    assert ordered[len(ordered) * 9 // 10] < 1, name
    assert slowest < seconds_allowed(alone=1, beside=4), name
    return answers


def session_of(user: User) -> requests.Session:
    client, session = Client(), requests.Session()
    client.force_login(user)
    session.cookies.set("sessionid", client.cookies["sessionid"].value)
    session.cookies.set("csrftoken", "x" * 32)
    session.headers["X-CSRFToken"] = "x" * 32
    return session


def at_once(count: int, ask: Callable[[], requests.Response]) -> Counter[int]:
    def answered(_number: int) -> int:
        answer = ask()
        if answer.status_code in (429, 503):
            assert int(answer.headers["Retry-After"]) > 0
            assert len(answer.text) > 40
        return answer.status_code

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(answered, range(count)))


@pytest.mark.skipif(not pdf_libraries.are_there(), reason="PDF TEST SKIPPED: no Pango")
def test_twenty_dossiers_of_one_official(web: Web) -> None:
    home = CommunityRoleFactory(community=CommunityFactory(published=True))
    other = CommunityFactory(published=True, country_code="DE")
    suggestion = SuggestionFactory(pair__a=home.community, pair__b=other)
    session = session_of(home.user)
    for path in ("web:dossier_pdf", "api:dossier"):
        address = web.url + reverse(path, args=[home.community_id, suggestion.pk])
        answers = measured(
            web,
            f"20 × {path}",
            lambda address=address: at_once(20, lambda: session.get(address, timeout=60)),
        )
        assert set(answers) <= {200, 429}
        assert answers[200] and answers[429]


def test_letters_that_take_long_to_read(web: Web) -> None:
    owner = CommunityRoleFactory(community=ProfileFactory().community, vetted_at=None)
    session = session_of(owner.user)
    address = f"{web.url}/api/v1/communities/{owner.community_id}/profile/letters/"
    for megabytes in (0.56, 9.9):
        words = b"stream\n" * int(megabytes * 1e6 / 7)
        content = pdf()[:-6] + words + b"startxref\n0\n%%EOF\n"

        def send(content: bytes = content) -> requests.Response:
            return session.post(address, files={"letter": ("a.pdf", content)}, timeout=60)

        answers = measured(
            web, f"18 letters of {megabytes} MB of “stream”", lambda send=send: at_once(18, send)
        )
        assert set(answers) <= {201, 422, 429, 503}


def test_workbooks_that_unpack_to_much(web: Web) -> None:
    from tests.backend.cities.test_member_lists import with_many_words

    session = session_of(UserFactory(curator=True))
    content = with_many_words(28)
    address = f"{web.url}/api/v1/staff/member-imports/"

    def send() -> requests.Response:
        return session.post(address, files={"file": ("a.xlsx", content)}, timeout=60)

    answers = measured(web, "6 workbooks of 28 MB of words", lambda: at_once(6, send))
    assert set(answers) <= {404, 422, 429, 503}


@pytest.mark.parametrize(
    ("name", "request_bytes"),
    [
        (
            "bodies",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\na",
        ),
        ("long bodies", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\na"),
        ("heads", b"GET / HTTP/1.1\r\nHost: localh"),
        ("bodies behind a whole request", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /"),
    ],
)
def test_half_sent_requests(web: Web, name: str, request_bytes: bytes) -> None:
    parts = urlsplit(web.url)
    held: list[socket.socket] = []

    def hold() -> Counter[int]:
        for _number in range(64):
            held.append(socket.create_connection((parts.hostname, parts.port)))
            held[-1].sendall(request_bytes)
        answers: Counter[int] = Counter()
        for _number in range(5):
            time.sleep(0.2)
            answers[requests.get(f"{web.url}/about/", timeout=20).status_code] += 1
            sent = requests.post(f"{web.url}/account/login/", data={"login": "a"}, timeout=20)
            answers[sent.status_code] += 1
        return answers

    try:
        answers = measured(web, f"64 half-sent {name}", hold)
    finally:
        for one in held:
            one.close()
    assert not set(answers) & {500, 502, 503}
