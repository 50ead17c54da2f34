"""Time and recall of the search for places on the whole gazetteer, in a PostgreSQL of its own.

    python3 -m tests.benchmarks.place_search [--seed 4] [--smallest 1000] [--misses]

Starts the embedded servers in a temporary folder, loads the reference data (about half a minute)
and asks for 200 names made from the gazetteer: 100 alternate names that share little with the
place's own name (other languages, other scripts), and 100 names with one or two typing mistakes
anywhere (two neighbours swapped, a letter left out, doubled or exchanged). The places are drawn
evenly among those of `--smallest` inhabitants and more that have such a name, whatever their size:
a name that many places share counts as found only if the drawn one is among the first k. Each
question is asked once, after others have warmed the caches; a time is that of the whole call, its
reading of places, countries and communities included. "While typing" are all beginnings of two
letters and more of the 200. `--misses` prints what was not found.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import secrets
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# What people type, and what must come first, as the pages call it: names, states, other scripts,
# mistakes, and names of many. Of several right ones each counts.
SEARCHES: dict[str, tuple[str, ...]] = {
    # City and state, as Americans write it
    "Toledo, Ohio": ("Toledo, Ohio, United States",),
    "Toledo OH": ("Toledo, Ohio, United States",),
    "toledo, oh, usa": ("Toledo, Ohio, United States",),
    "Toledo, United States": ("Toledo, Ohio, United States",),
    "Portland ME": ("Portland, Maine, United States",),
    "Portland, Maine": ("Portland, Maine, United States",),
    "Paris, Texas": ("Paris, Texas, United States",),
    "Paris TX": ("Paris, Texas, United States",),
    "Washington, D.C.": ("Washington, District of Columbia, United States",),
    "Washington DC": ("Washington, District of Columbia, United States",),
    "Springfield, IL": ("Springfield, Illinois, United States",),
    "Springfield Massachusetts": ("Springfield, Massachusetts, United States",),
    "Cambridge MA": ("Cambridge, Massachusetts, United States",),
    "St. Louis, MO": ("St. Louis, Missouri, United States",),
    "Las Vegas NM": ("Las Vegas, New Mexico, United States",),
    # and elsewhere
    "Newcastle NSW": ("Newcastle, New South Wales, Australia",),
    "London, Ontario": ("London, Ontario, Canada",),
    "Birmingham, UK": ("Birmingham, England, United Kingdom",),
    "Valparaíso, Chile": ("Valparaíso, Chile", "Valparaíso, Valparaiso, Chile"),
    "Kobe, Japan": ("Kobe, Hyōgo, Japan",),
    "Kobe Japan": ("Kobe, Hyōgo, Japan",),
    "Santiago de Compostela": ("Santiago de Compostela, Galicia, Spain",),
    "Santa Cruz, Bolivia": (
        "Santa Cruz de la Sierra, Santa Cruz Department, Bolivia",
        "Santa Cruz de la Sierra, Santa Cruz, Bolivia",
    ),
    "Cape Town, South Africa": ("Cape Town, Western Cape, South Africa",),
    "Frankfurt (Oder)": ("Frankfurt (Oder), Brandenburg, Germany",),
    # The beginning of a word before a piece of it
    "nice": ("Nice, Provence-Alpes-Côte d'Azur, France",),
    "rome": ("Rome, Lazio, Italy",),
    "york": ("York, England, United Kingdom",),
    "lima": ("Lima, Lima region, Peru", "Lima, Peru", "Lima, Lima Province, Peru"),
    "new york": ("New York City, New York, United States",),
    "san fran": ("San Francisco, California, United States",),
    "los ang": ("Los Angeles, California, United States",),
    # States, provinces and counties
    "Nuevo León": ("Nuevo León, Mexico",),
    "Québec": ("Québec, Quebec, Canada", "Quebec, Canada"),
    "경기도": ("Gyeonggi-do, South Korea",),
    "Ontario": ("Ontario, Canada",),
    "New South Wales": ("New South Wales, Australia",),
    "Bayern": ("Bavaria, Germany",),
    "State of Ohio": ("Ohio, United States",),
    "兵庫県": ("Hyōgo, Japan",),
    # Other names and scripts
    "Koln": ("Köln, North Rhine-Westphalia, Germany", "Cologne, North Rhine-Westphalia, Germany"),
    "Munich": ("Munich, Bavaria, Germany",),
    "Muenchen": ("Munich, Bavaria, Germany",),
    "Bombay": ("Mumbai, Maharashtra, India",),
    "Sao Paulo": ("São Paulo, Brazil",),
    "神戸市": ("Kobe, Hyōgo, Japan",),
    "兵庫県神戸市": ("Kobe, Hyōgo, Japan",),
    "القاهرة": ("Cairo, Egypt",),
    "Москва": ("Moscow, Russia",),
    "서울": ("Seoul, South Korea",),
    "広島": ("Hiroshima, Japan", "Hiroshima, Hiroshima, Japan"),
    "Lodz": ("Łódź, Łódź Voivodeship, Poland", "Łódź, Poland"),
    "l'aquila": ("L'Aquila, Abruzzo, Italy", "L’Aquila, Abruzzo, Italy"),
    "Αθήνα": ("Athens, Attica, Greece",),
    # With the word for the kind
    "City of Chicago": ("Chicago, Illinois, United States",),
    "Gemeente Amsterdam": ("Amsterdam, North Holland, Netherlands",),
    "Stadt Köln": ("Köln, North Rhine-Westphalia, Germany",),
    "Kobe City": ("Kobe, Hyōgo, Japan",),
    "Município de Lisboa": ("Lisbon, Portugal", "Lisbon, Lisbon District, Portugal"),
    # Mistakes
    "Cinncinati": ("Cincinnati, Ohio, United States",),
    "Tolido, Ohio": ("Toledo, Ohio, United States",),
    "Toledo, Ohoi": ("Toledo, Ohio, United States",),
    "Pittsburg, Pensylvania": ("Pittsburgh, Pennsylvania, United States",),
    "Gotheborg": ("Göteborg, Västra Götaland, Sweden", "Gothenburg, Västra Götaland, Sweden"),
    "Reykavik": ("Reykjavík, Capital Region, Iceland",),
    # Names of many: the largest first, the others with it
    "Springfield": (
        "Springfield, Missouri, United States",
        "Springfield, Ohio, United States",  # a member in the sample world
    ),
    "San Jose": ("San Jose, California, United States", "San José, Costa Rica"),
    "Georgia": ("Georgia, United States", "Tbilisi, Georgia"),
}
EACH = 100
WARM_UP = 60
TARGET_MS = 50
SHORTEST_MISTYPED = 5
LATIN = re.compile(r"^[ -~\u00c0-\u024f\u1e00-\u1eff]+$")
A_CODE = re.compile(r"^[A-Z0-9]{2,5}$")  # of an airport or railway station


@dataclass(frozen=True)
class Question:
    typed: str
    place: int
    country: str


@dataclass(frozen=True)
class Asked:
    question: Question
    milliseconds: float
    rank: int | None  # from 1; None: not found


def other_names(smallest: int, rng: random.Random, count: int) -> list[Question]:
    """Names of `count` places that are more than spellings of their own name."""
    from backend.cities.names import edit_distances, searched_name

    found: list[Question] = []
    for place, own, names, country in _shuffled_places(smallest, rng):
        known = searched_name(own)
        others = [
            n
            for n in names
            if not A_CODE.match(n)
            and edit_distances(searched_name(n), known)[0] > max(2, len(known) // 3)
        ]
        if others:
            found.append(Question(rng.choice(others), place, country))
        if len(found) == count:
            break
    return found


def mistyped_names(smallest: int, rng: random.Random, count: int, mistakes: int) -> list[Question]:
    """Own or alternate names of `count` places with so many mistakes."""
    found: list[Question] = []
    for place, own, names, country in _shuffled_places(smallest, rng):
        long_enough = [
            name
            for name in [own, *names]
            if len(name) >= SHORTEST_MISTYPED and not A_CODE.match(name)
        ]
        if long_enough:
            typed = rng.choice(long_enough)
            for _ in range(mistakes):
                typed = mistype(typed, rng)
            found.append(Question(typed, place, country))
        if len(found) == count:
            break
    return found


def mistype(name: str, rng: random.Random) -> str:
    """The name with one mistake; an exchanged letter becomes another of the name or its neighbour
    in the code table: of its script.
    """
    while True:
        at = rng.randrange(len(name) - 1)
        exchanged = (
            rng.choice(name.lower())
            if rng.random() < 0.5
            else chr(ord(name[at]) + rng.choice((-1, 1)))
        )
        typed = rng.choice(
            [
                name[:at] + name[at + 1] + name[at] + name[at + 2 :],
                name[:at] + name[at + 1 :],
                name[: at + 1] + name[at:],
                name[:at] + exchanged + name[at + 1 :],
            ]
        )
        if typed.lower() != name.lower():
            return typed


def _shuffled_places(smallest: int, rng: random.Random) -> list[tuple[int, str, list[str], str]]:
    from backend.cities.models import Place

    places = (
        Place.objects.filter(population__gte=smallest).exclude(alternate_names=[]).order_by("id")
    )
    rows = list(places.values_list("id", "name", "alternate_names", "country_id"))
    rng.shuffle(rows)
    return rows


def ask(questions: Sequence[Question], *, with_country: bool = False) -> list[Asked]:
    from backend.cities.place_search import search_places

    answers = []
    for question in questions:
        began = time.perf_counter()
        places = search_places(question.typed, country=question.country if with_country else "")
        took = (time.perf_counter() - began) * 1000
        ranks = [rank for rank, place in enumerate(places, 1) if place.pk == question.place]
        answers.append(Asked(question, took, ranks[0] if ranks else None))
    return answers


def first_of(typed: str) -> tuple[str, float]:
    """What the public search says first, as its page calls it, and the milliseconds it took."""
    from backend.cities.place_search import search

    began = time.perf_counter()
    hits = search(typed)
    took = (time.perf_counter() - began) * 1000
    return (hits[0].label if hits else "", took)


def ask_searches() -> tuple[list[str], list[float]]:
    """Those of SEARCHES that something else came first for, and how long each took."""
    wrong, times = [], []
    for typed, right in SEARCHES.items():
        first, took = first_of(typed)
        times.append(took)
        if first not in right:
            wrong.append(f"{typed!r}: {first or 'nothing'}")
    return wrong, times


def line(name: str, asked: Sequence[Asked], *, recall: bool = True) -> str:
    times = sorted(answer.milliseconds for answer in asked)
    cells = [
        f"{name:<44}",
        f"{len(asked):>5}",
        f"{statistics.median(times):>7.1f}",
        f"{times[max(0, -(-95 * len(times) // 100) - 1)]:>7.1f}",
    ]
    for k in (1, 5) if recall else ():
        found = sum(answer.rank is not None and answer.rank <= k for answer in asked)
        cells.append(f"{found / len(asked):>9.1%}")
    return " ".join(cells)


def measure(seed: int, smallest: int, misses: bool) -> None:
    from backend.cities.models import Place, PlaceName

    rng = random.Random(seed)
    other = other_names(smallest, rng, EACH)
    one, two = (
        mistyped_names(smallest, rng, EACH // 2, 1),
        mistyped_names(smallest, rng, EACH // 2, 2),
    )
    ask(
        [*other_names(smallest, rng, WARM_UP // 2), *mistyped_names(smallest, rng, WARM_UP // 2, 1)]
    )
    groups = {
        "names in other languages": ask(other),
        "one mistake": ask(one),
        "two mistakes": ask(two),
    }
    everything = [answer for asked in groups.values() for answer in asked]
    latin = [answer for answer in everything if LATIN.match(answer.question.typed)]
    with_country = ask([answer.question for answer in everything], with_country=True)
    beginnings = [
        Question(a.question.typed[:n], a.question.place, "")
        for a in everything
        for n in range(2, len(a.question.typed) + 1)
    ]

    print(
        f"{Place.objects.count():,} places, {PlaceName.objects.count():,} names; seed {seed}, "
        f"places of {smallest:,} people and more\n"
    )
    print(f"{'':<44} {'asked':>5} {'p50 ms':>7} {'p95 ms':>7} {'recall@1':>9} {'recall@5':>9}")
    for name, asked in groups.items():
        print(line(name, asked))
    print(line("all", everything))
    print(line("   of these in Latin letters", latin))
    print(
        line(
            "   of these in other letters", [answer for answer in everything if answer not in latin]
        )
    )
    print(line("all, the right country preferred", with_country))
    print(line(f"while typing (target: p95 of {TARGET_MS} ms)", ask(beginnings), recall=False))
    ask_searches()
    wrong, times = ask_searches()
    times.sort()
    print(
        f"\nthe public search: {len(SEARCHES) - len(wrong)} of {len(SEARCHES)} right; "
        f"p50 {statistics.median(times):.1f} ms, p95 {times[-(len(times) // 20) - 1]:.1f} ms "
        f"(target {TARGET_MS})"
    )
    if misses:
        print("\n".join(wrong))
        names = dict(
            Place.objects.filter(pk__in=[a.question.place for a in everything]).values_list(
                "id", "name"
            )
        )
        for answer in (a for a in everything if a.rank is None or a.rank > 5):
            print(
                f"  missed: {answer.question.typed!r} for {names[answer.question.place]}, "
                f"{answer.question.country} (rank {answer.rank})"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument(
        "--smallest", type=int, default=1000, help="inhabitants of the smallest place asked for"
    )
    parser.add_argument("--misses", action="store_true", help="print what was not found")
    options = parser.parse_args()

    import django
    from django.core.management import call_command

    from backend.runtime.servers import running_servers

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        with running_servers(folder, environ={}) as servers:
            os.environ |= servers.environment | {
                "CSC_MODE": "test",
                "CSC_DATA_DIR": str(folder / "data"),
                "SECRET_KEY": secrets.token_hex(30),
            }
            os.environ["DJANGO_SETTINGS_MODULE"] = "backend.settings"
            django.setup()
            call_command("migrate", verbosity=0)
            call_command("load_reference")
            measure(options.seed, options.smallest, options.misses)
            from django.db import connections

            connections.close_all()


if __name__ == "__main__":
    main()
