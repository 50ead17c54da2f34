"""The stories of the sample world: what a profile says, told in one of eight languages.

Everything that is said is in backend/cities/data/sample/world.json ("stories"), by language:

``shapes``  whole courses of a story by name. A line is one text, or several, of which the first
            that can be told is told; ``""`` begins a paragraph; ``"@close"`` is any of that pool.
``pools``   lines that several shapes share; no story uses one twice.
``phrases`` codes as noun phrases for running text. ``forms`` says what becomes of a phrase's
            article after a preposition ("el " → "del "); where that is not enough, the phrase
            holds its forms itself.
``words``   words that follow the place: the first whose condition holds.

A text may hold ``[a|b]``, one of which is drawn, and ``{slot}`` or ``{slot:form}``. A text or a
choice may begin with a condition, ``?port+!coast:`` or ``?ES/MX:``, of the place's traits and its
country. A text one of whose slots is empty is not told, so a story never speaks of what the profile
leaves open.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from backend.cities.models.places import region_label
from backend.cities.names import plain
from backend.cities.sample.places import PlaceFacts
from backend.cities.sample.traits import FILE

# Answers, the vocabulary of their codes, and how many of them a story names at most.
ANSWERS: Mapping[str, tuple[str, int]] = {
    "sectors": ("sectors", 3),
    "offers": ("topics", 3),
    "needs": ("topics", 3),
    "challenges": ("challenges", 2),
    "themes": ("themes", 2),
}
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
_CONDITION = re.compile(r"\?([^:\s]+): *")
# What stands before the first word of a sentence.
_BEGINS = re.compile(r"(^|[.?!؟…][”»“]?\s+)$")
_FEET = 3.28084
# Countries whose official languages live in different places, or whose first one in the list is not
# what an office there writes: the division decides, else the last entry.
_OFFICIAL: Mapping[str, Mapping[str, str]] = {
    "CH": {**dict.fromkeys(("GE", "VD", "NE", "JU", "FR", "VS"), "fr"), "TI": "it", "": "de"},
    "BE": {"VLG": "en", "BRU": "fr", "WAL": "fr", "": "en"},
    "CA": {"10": "fr", "": "en"},
    "CM": {"07": "en", "09": "en", "": "fr"},
    "EH": {"": "ar"},
    "GQ": {"": "es"},
    "IL": {"": "en"},  # nobody here writes Hebrew
    "LU": {"": "fr"},
    "NA": {"": "en"},
}


@cache
def grammar() -> Mapping[str, Any]:
    """What stories are made of, by language."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))["stories"])


def story_language(facts: PlaceFacts, rng: random.Random) -> str:
    """The first official language that stories are written in, else English."""
    if facts.country == "US":
        return (
            "es"
            if facts.admin1_code in {"CA", "TX", "FL", "NM", "AZ"} and rng.random() < 0.12
            else "en"
        )
    official = _OFFICIAL.get(facts.country)
    if official:
        return official.get(facts.admin1_code, official[""])
    return next((language for language in facts.languages if language in grammar()), "en")


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a story is about. ``answers``: codes that the profile states, by the keys of ANSWERS;
    ``known``: traits, and other words that conditions may ask for.
    """

    facts: PlaceFacts
    local_name: str
    answers: Mapping[str, Sequence[str]]
    known: Collection[str]


def tell_story(told: Told, rng: random.Random, *, with_english: bool) -> dict[str, str]:
    """Text, language and, where wanted, an English version: of the same course and of the same
    things, in other words.
    """
    language, country = story_language(told.facts, rng), told.facts.country
    named = {
        name: [*codes[: most - (most > 2 and rng.random() < 0.35)]]
        for name, (_, most) in ANSWERS.items()
        if (codes := told.answers.get(name, ()))
    }
    # The last letter: 市, 町 or 村 says what a Japanese community is.
    known = frozenset(filter(None, {*told.known, *named, country, told.local_name[-1:]}))
    shapes = grammar()[language]["shapes"]
    fitting = [name for name in shapes if _holds(shapes[name]["if"], known)]
    languages = (language, "en") if with_english and language != "en" else (language,)
    texts: list[str] = []
    for shape in rng.sample(fitting, len(fitting)):
        tellers = [_Teller(told, one, named, known, rng) for one in languages]
        texts = [teller.story(shape) for teller in tellers]
        if all(teller.has_named_the_place for teller in tellers):
            break
    return {"text": texts[0], "language": language, "english": "".join(texts[1:])}


def _holds(condition: str, known: Collection[str]) -> bool:
    """ "port+!coast": both; "ES/MX": one of them."""
    return all(
        any((word.lstrip("!") in known) != word.startswith("!") for word in part.split("/"))
        for part in condition.split("+")
        if part
    )


class _Teller:
    """One story in one language."""

    def __init__(
        self,
        told: Told,
        language: str,
        named: Mapping[str, Sequence[str]],
        known: Collection[str],
        rng: random.Random,
    ) -> None:
        self.words, self.language = grammar()[language], language
        self.known, self.rng = known, rng
        self.facts, self.named = told.facts, named
        is_own = self.words["own_script"] and told.facts.local_language == language
        own_name = told.local_name if is_own else ""
        self.name = own_name or self.words["names"].get(told.facts.name) or told.facts.name
        self.used: set[str] = set()
        self.has_named_the_place = False

    def story(self, shape: str) -> str:
        paragraphs: list[list[str]] = [[]]
        for line in self.words["shapes"][shape]["lines"]:
            if line:
                paragraphs[-1].append(self.line(line))
            else:
                paragraphs.append([])
        paragraphs[-1].append(self.words["mark"])
        told = [self.words["space"].join(filter(None, lines)) for lines in paragraphs]
        return "\n\n".join(filter(None, told))

    def line(self, line: str | Sequence[str]) -> str:
        """The first of its texts that can be told, or nothing."""
        texts = [line] if isinstance(line, str) else line
        if texts[0].startswith("@"):
            pool = [text for text in self.words["pools"][texts[0][1:]] if text not in self.used]
            texts = self.rng.sample(pool, len(pool))
        for text in texts:
            if said := self.said(text):
                self.used.add(text)
                return said
        return ""

    def said(self, text: str) -> str:
        """The text with its choices drawn and its slots filled; empty where it cannot be told."""
        drawn = self.allowed(text)
        found = 1
        while drawn and found:
            drawn, found = _CHOICE.subn(self.draw, drawn)
        if not drawn:
            return ""
        spelled = self.spelled(drawn)
        values = {slot[0]: self.slot(slot[1], slot[2] or "") for slot in _SLOT.finditer(spelled)}
        if not all(values.values()):
            return ""

        def fill(slot: re.Match[str]) -> str:
            value = values[slot[0]]
            self.has_named_the_place |= slot[1] == "name"
            begins = _BEGINS.search(spelled[: slot.start()]) and not value.startswith(self.name)
            return value[0].upper() + value[1:] if begins else value

        return _SLOT.sub(fill, spelled)

    def allowed(self, text: str) -> str:
        """The text without its condition; empty where that does not hold."""
        condition = _CONDITION.match(text)
        if condition is None:
            return text
        return text[condition.end() :] if _holds(condition[1], self.known) else ""

    def draw(self, choice: re.Match[str]) -> str:
        open_to_us = [
            self.allowed(text)
            for text in choice[1].split("|")
            if not (condition := _CONDITION.match(text)) or _holds(condition[1], self.known)
        ]
        return self.rng.choice(open_to_us) if open_to_us else ""

    def spelled(self, text: str) -> str:
        """The text in the spelling of the country."""
        for condition, spellings in self.words["spellings"].items():
            if _holds(condition, self.known):
                for here, there in spellings.items():
                    text = text.replace(here, there)
        return text

    # What stands in the slots

    def slot(self, name: str, form: str) -> str:
        if name in self.words["words"]:
            return self.spelled(self.first_that_holds(self.words["words"][name]))
        if name in _FACTS:
            return str(_FACTS[name](self, form))
        kind = name.removeprefix("more_")
        kind = kind if kind in ANSWERS else f"{kind}s"
        codes = self.named.get(kind, ())
        if name.startswith("more_"):
            codes = codes[1:]
        elif name != kind:
            codes = codes[:1]
        phrases = self.words["phrases"][ANSWERS[kind][0]]
        return self.listed([self.spelled(self.phrase(phrases[code], form)) for code in codes])

    def first_that_holds(self, rows: Mapping[str, Any]) -> Any:
        return next((value for when, value in rows.items() if _holds(when, self.known)), "")

    def place_name(self, form: str) -> str:
        article = self.words["articles"].get(self.name)
        if article:  # "o Porto": the article is no part of the name, and follows it everywhere
            return self.phrase(article + self.name, form)
        return self.in_form(self.name, self.words["name_forms"].get(form, {}))

    def phrase(self, phrase: str | Mapping[str, str], form: str) -> str:
        if isinstance(phrase, str):
            return self.in_form(phrase, self.words["forms"].get(form, {}))
        if form and form in phrase:
            return phrase[form]
        here = next((text for when, text in phrase.items() if when in self.known), phrase[""])
        return self.in_form(here, self.words["forms"].get(form, {}))

    def in_form(self, text: str, beginnings: Mapping[str, str]) -> str:
        """The text with its beginning (an article, a vowel) as the form has it."""
        for beginning, becomes in beginnings.items():
            if text.startswith(beginning):
                return becomes + text[len(beginning) :]
        return text

    def listed(self, items: Sequence[str]) -> str:
        """ "a, b and c"; where an item is a pair itself, "a as well as b and c"."""
        if len(items) < 2:
            return "".join(items)
        joins = self.words["joins"]
        if "first" in joins:  # Japanese: 農業や観光、物流
            return items[0] + joins["first"] + joins["comma"].join(items[1:])
        paired = any(joins["inner"] in item for item in items)
        last = joins["and"]
        if paired:
            last = joins["also"] if len(items) == 2 else joins["also_many"]
        if last == joins["and"] and items[-1].startswith(tuple(joins["before"])):
            last = joins["before_and"]
        return joins["comma"].join(items[:-1]) + last + items[-1]

    def people(self, form: str) -> str:
        """The population as people say it: two digits that count."""
        number = self.facts.population or 0
        rounded = round(number, -max(len(str(number)) - 2, 0))
        return (
            self.counted(rounded, self.words[f"people_{form}" if form else "people"])
            if rounded
            else ""
        )

    def elevation(self, _form: str) -> str:
        if "mountain" not in self.known:
            return ""
        metres = self.facts.elevation_m or 0
        high = metres * _FEET if self.facts.country == "US" else metres
        return self.counted(round(high, -2), self.words["elevation"])

    def counted(self, number: float, rows: Iterable[Sequence[Any]]) -> str:
        """By the first row whose lowest number this reaches, and of which it is a multiple where
        that is asked for.
        """
        unit, pattern = next(
            (unit, pattern)
            for lowest, unit, whole, pattern in rows
            if number >= lowest and not (whole and number % unit)
        )
        thousands, decimal, *digits = self.first_that_holds(self.words["marks"])
        written = f"{number / unit:,.1f}".removesuffix(".0")
        marked = written.translate({ord(","): thousands, ord("."): decimal})
        if digits:
            marked = marked.translate(str.maketrans("0123456789", digits[0]))
        whole, rest = divmod(int(number), unit)
        filled = self.said(pattern).replace("<n>", marked)
        return filled.replace("<whole>", str(whole)).replace("<rest>", str(rest))

    def in_region(self, _form: str) -> str:
        """“in Bayern”, “im Saarland”: where the region's name is known to be the language's own."""
        beginnings = self.first_that_holds(self.words["regions"]) or {}
        region = region_label(self.facts.country, self.facts.admin1, self.language)
        foreign = self.words["own_script"] and region[:1].isascii()
        known = any(region.startswith(beginning) for beginning in beginnings)
        if foreign or not known or "state" in self.known or plain(region) in plain(self.name):
            return ""
        return self.in_form(region, beginnings)


_FACTS = {
    "name": _Teller.place_name,
    "people": _Teller.people,
    "elevation": _Teller.elevation,
    "in_region": _Teller.in_region,
}
