"""Attacks on a running service with the sample world, by HTTP alone; each prints what it measured.

    python3 manage.py up --port 8123          # in another terminal
    .venv/bin/python -m tests.probes http://127.0.0.1:8123 PASSWORD [NAME …]

NAME is one of documents, letters, squat, lockout, refill; none: all of them.

PASSWORD is the one that ``up`` prints. They change the world that they run on: make it again with
``--fresh`` before the next time. The suite has a test for each; these show it at full size.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

try:
    import requests
    from requests.adapters import HTTPAdapter
except ModuleNotFoundError:
    raise SystemExit(
        "The packages of the tests are missing. Install them with: "
        "python3 manage.py test tests/test_docs.py"
    ) from None

_NAMES = ("San", "Port", "Santa", "New", "Bad", "Saint", "Villa")  # of places to register
_EACH = 7  # communities in each group of `refill`


class _From(HTTPAdapter):
    def __init__(self, own_address: str) -> None:
        self.own_address = own_address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, source_address=(self.own_address, 0))


class Site:
    def __init__(self, address: str, password: str) -> None:
        self.address, self.password = address.rstrip("/"), password

    def session(self, own_address: str = "") -> requests.Session:
        """A visitor's, with the token that each form sends back. ``own_address`` is one of this
        machine from which it connects, such as 127.0.1.1.
        """
        session = requests.Session()
        if own_address:
            session.mount("http://", _From(own_address))
        session.get(f"{self.address}/account/login/")
        session.headers.update(
            {"Referer": f"{self.address}/", "X-CSRFToken": session.cookies["csrftoken"]}
        )
        return session

    def signed_in(self, email: str, password: str | None = None) -> requests.Session:
        session = self.session()
        form = {"login": email, "password": password or self.password}
        answer = session.post(f"{self.address}/account/login/", data=form, allow_redirects=False)
        if answer.status_code != 302:
            raise SystemExit(f"{email} cannot sign in: is this the password that `up` printed?")
        session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
        return session

    def get(self, session: requests.Session, path: str) -> dict:
        answer = session.get(f"{self.address}/api/v1/{path}")
        answer.raise_for_status()
        return answer.json()

    def post(self, session: requests.Session, path: str, body: dict) -> requests.Response:
        return session.post(f"{self.address}/api/v1/{path}", json=body)

    def rows(self, session: requests.Session, path: str) -> list[dict]:
        page, found = self.get(session, path), []
        while True:
            found += page["results"]
            if not page["next"]:
                return found
            page = session.get(page["next"]).json()

    def official_of(self, curator: requests.Session, community_id: int) -> requests.Session:
        people = self.rows(curator, f"communities/{community_id}/people/")
        return self.signed_in(next(one["email"] for one in people if one["role"] == "official"))


def refill(site: Site) -> None:
    """Communities with one suggestion, whose other side declines, is interested or says nothing;
    then a full run. A new suggestion would tell the decline.
    """
    curator = site.signed_in("curator@sample.example")
    shown = site.rows(curator, "staff/suggestions/?status=released&page_size=100")
    of = Counter(row[side]["community"]["id"] for row in shown for side in "ab")
    taken: set[int] = set()
    chosen = []
    for row in shown:
        a, b = row["a"]["community"]["id"], row["b"]["community"]["id"]
        answers, waits = (a, b) if of[b] == 1 else (b, a)
        untouched = row["a"]["state"] == row["b"]["state"] == "pending"
        if of[waits] == 1 and untouched and not {a, b} & taken and len(chosen) < 3 * _EACH:
            taken |= {a, b}
            chosen.append((row["id"], answers, waits))
    groups = ("declined", "interested", "pending")
    given = {waits: groups[n % 3] for n, (_id, _answers, waits) in enumerate(chosen)}
    for suggestion_id, answers, waits in chosen:
        if given[waits] != "pending":
            body = {"answer": given[waits], "reason": "country"}
            path = f"communities/{answers}/suggestions/{suggestion_id}/answer/"
            body |= {} if given[waits] == "declined" else {"reason": ""}
            answer = site.post(site.official_of(curator, answers), path, body)
            answer.raise_for_status()
    print(f"refill: {len(chosen)} communities with one suggestion; waiting until answers are final")
    time.sleep(70)
    _full_run(site, curator)
    new: Counter[str] = Counter()
    for suggestion_id, _answers, waits in chosen:
        session = site.official_of(curator, waits)
        ids = {row["id"] for row in site.rows(session, f"communities/{waits}/suggestions/")}
        new[given[waits]] += bool(ids - {suggestion_id})
    for group in groups:
        print(f"  {group}: {new[group]} of {list(given.values()).count(group)} got another")


def _full_run(site: Site, curator: requests.Session) -> None:
    before = site.get(curator, "staff/runs/?page_size=1")["results"][0]["id"]
    site.post(curator, "staff/runs/", {}).raise_for_status()
    for _second in range(600):
        newest = site.get(curator, "staff/runs/?page_size=1")["results"][0]
        if newest["id"] != before and newest["status"] in {"complete", "failed"}:
            time.sleep(20)  # suggestions are chosen from the rankings after the run
            return
        time.sleep(1)
    raise SystemExit("The run has not ended within ten minutes.")


def lockout(site: Site) -> None:
    """A stranger with an address of their own (127.0.1.1) fills all limits of an account; then its
    owner signs in with the right password, as before.
    """
    email, counted = "us.official@sample.example", Counter[str]()
    site.signed_in(email)
    for _try in range(11):
        stranger = site.session("127.0.1.1")
        for path, form in (
            ("login/", {"login": email, "password": "guess"}),
            ("login/code/", {"email": email}),
            ("password/reset/", {"email": email}),
        ):
            answer = stranger.post(f"{site.address}/account/{path}", data=form)
            limited = "too many" in answer.text.lower() or answer.status_code == 429
            counted[f"{path} {'limited' if limited else 'answered'}"] += 1
    print(f"lockout: a stranger's {dict(counted)}")
    form = {"login": email, "password": site.password}
    answer = site.session().post(f"{site.address}/account/login/", data=form, allow_redirects=False)
    print(f"  the owner {'is in' if answer.status_code == 302 else 'is locked out'}")


def squat(site: Site) -> None:
    """How many communities one new person can register, ask to join and send letters for."""
    newcomer = site.signed_in("newcomer@sample.example")
    codes: Counter[str] = Counter()
    for community_id in range(1, 60):
        answer = site.post(
            newcomer, f"communities/{community_id}/join-requests/", {"role": "official"}
        )
        codes[f"{answer.status_code} {answer.json().get('code', '')}".strip()] += 1
    print(f"squat: 59 requests to join: {dict(codes)}")
    codes.clear()
    found = [site.get(site.session(), f"places/?q={name}")["results"] for name in _NAMES]
    places = [place for results in found for place in results]
    for place in places:
        body = {"place_id": place["id"], "kind": "city"}
        answer = site.post(newcomer, "communities/", body)
        codes[f"{answer.status_code} {answer.json().get('code', '')}".strip()] += 1
    print(f"  {len(places)} registrations: {dict(codes)}")


def documents(site: Site) -> None:
    """The OpenAPI document under 3 and 8 clients at once."""
    for clients in (3, 8):

        def fetch(_number: int) -> tuple[int, bytes]:
            answer = requests.get(f"{site.address}/api/v1/schema/", timeout=60)
            return answer.status_code, answer.content

        with ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(fetch, range(10 * clients)))
        bad, kinds = sum(code != 200 for code, _ in answers), len({body for _, body in answers})
        print(f"documents: {clients} clients, {len(answers)} answers: {bad} errors, {kinds} bodies")


def letters(site: Site) -> None:
    """Eighteen letters at once that once took 20 s of CPU each; /healthz is asked meanwhile."""
    registrant = site.signed_in("newcomer@sample.example")
    content = b"%PDF-1.4\n" + b"stream\n" * 80_000 + b"startxref\n0\n%%EOF\n"
    slowest = _while_asking_health(site, lambda: _send_letters(site, registrant, content))
    print(f"  slowest /healthz meanwhile: {slowest:.2f} s")


def _send_letters(site: Site, registrant: requests.Session, content: bytes) -> None:
    own = site.get(registrant, "me/")["roles"][0]["community"]["id"]

    def send(_number: int) -> int:
        return registrant.post(
            f"{site.address}/api/v1/communities/{own}/profile/letters/",
            files={"letter": ("letter.pdf", io.BytesIO(content), "application/pdf")},
        ).status_code

    began = time.monotonic()
    with ThreadPoolExecutor(18) as pool:
        codes = Counter(pool.map(send, range(18)))
    print(f"letters: 18 at once: {dict(codes)} in {time.monotonic() - began:.1f} s")


def _while_asking_health(site: Site, act: Callable[[], None]) -> float:
    seconds, over = [0.0], threading.Event()

    def ask() -> None:
        while not over.wait(0.1):
            began = time.monotonic()
            requests.get(f"{site.address}/healthz", timeout=60)
            seconds.append(time.monotonic() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        act()
    finally:
        over.set()
        asking.join()
    return max(seconds)


_PROBES: dict[str, Callable[[Site], None]] = {
    "documents": documents,
    "letters": letters,
    "squat": squat,
    "lockout": lockout,
    "refill": refill,
}


def main(words: list[str]) -> None:
    if len(words) < 2 or not set(words[2:]) <= _PROBES.keys():
        raise SystemExit(__doc__)
    site = Site(*words[:2])
    for name in words[2:] or _PROBES:
        _PROBES[name](site)


if __name__ == "__main__":
    main(sys.argv[1:])
