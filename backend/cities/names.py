"""Names as people type them: normalised for a search, and compared by edit distance. One rule for
the gazetteer's search text and for what people type.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import product

NAME_SEPARATOR = "|"  # between the names of one place in its search text
LONGEST_NAME = 200  # letters of a folded name, as PlaceName keeps it

# Letters that Unicode does not take apart, and marks that people leave out when they type.
_LETTERS = {
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "ħ": "h",
    "Ħ": "H",
    "ı": "i",
    "ə": "e",
    "Ə": "E",
    "ß": "ss",
    "æ": "ae",
    "Æ": "Ae",
    "œ": "oe",
    "Œ": "Oe",
    "þ": "th",
    "Þ": "Th",
    "’": "'",
    "‘": "'",
    "ʻ": "'",
    "ʼ": "'",
    "`": "'",
    "–": "-",
}
_LETTER = re.compile(f"[{''.join(_LETTERS)}]")
PUNCTUATION = str.maketrans("-", " ", ".,")
_COMBINING = re.compile(
    "["
    + "".join(re.escape(c) for c in map(chr, range(0x300, 0x10000)) if unicodedata.combining(c))
    + "]+"
)


def plain(text: str) -> str:
    """The text without accents, in its own case. ("Göteborg" → "Goteborg", "Łódź" → "Lodz")"""
    spelled = _LETTER.sub(lambda letter: _LETTERS[letter[0]], text)
    return _COMBINING.sub("", unicodedata.normalize("NFKD", spelled))


def fold_letters(text: str) -> str:
    """Lower case, no accents, no apostrophes; spaces and line ends stay, so that many names can be
    folded in one go.
    """
    return plain(text.casefold()).replace("'", "")


def fold(text: str) -> str:
    """One name as it is compared: `fold_letters`, with single spaces. ("L’Aquila" → "laquila")"""
    return " ".join(fold_letters(text).split())


def searched_name(text: str) -> str:
    """What was typed, as names in PlaceName are written: folded, hyphens as spaces, no full stops,
    no commas. ("St.-Denis" → "st denis")

    The database writes those names itself (`cities_searched_names` in the migrations). What no name
    can hold is left out.
    """
    storable = text.replace("\x00", "").encode(errors="ignore").decode()
    return " ".join(fold(storable).translate(PUNCTUATION).split())


# What people write before or behind the name of a city.
_OF_KIND = re.compile(
    r"^(the )?((city|town|village|municipality|borough|county|state|province) of"
    r"|(ville|commune|ciudad|municipio|cidade|comune|citta) (de|di|d|del|da|do)"
    r"|stadt|gemeinde|gemeente|kommune|gmina|miasto) "
)


def bare_name(name: str) -> str:
    """A name as it is searched for, without the word for its kind: "kobe" of "City of Kobe"."""
    searched = searched_name(name)
    return _OF_KIND.sub("", searched, count=1) or searched


# What a county, state, district or province may add to its name, in the languages of the service.
_KIND_WORDS: Mapping[str, frozenset[str]] = {
    "county": frozenset(
        [
            "county",
            "co",
            "parish",
            "borough",
            "condado",
            "comte",
            "grafschaft",
            "kreis",
            "landkreis",
        ]
    ),
    "state": frozenset(
        ["state", "commonwealth", "estado", "etat", "bundesland", "freistaat", "land"]
    ),
    "district": frozenset(["district", "distrito", "bezirk", "kreis", "arrondissement"]),
    "province": frozenset(["province", "provincia", "provinz", "prefecture", "prefectura"]),
}
_SMALL_WORDS = frozenset(["the", "of", "de", "del", "la", "le", "du", "das", "der", "die"])


def community_key(name: str, kind: str) -> str:
    """The key that distinguishes communities of one kind, country and region: the name without
    accents, case and the word for its kind.

    ("Sonoma County", "County of Sonoma" and "SONOMA" are one county; "County" alone stays as it
    is.)
    """
    words = searched_name(name).split()
    kept = [
        word
        for word in words
        if word not in _KIND_WORDS.get(kind, frozenset()) and word not in _SMALL_WORDS
    ]
    return " ".join(kept or words)[:LONGEST_NAME]


# How far two spellings are apart, and which ones are one mistake away from what was typed.


# Letters as `backend.cities.names.fold` leaves them. What is typed in another script is converted
# from its own letters alone.
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзиклмнопрстуфхцчшщъыьэюяєіґђљњћџ",
    "αβγδεζηθικλμνξοπρσςτυφχψω",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءپچژگکی",
    "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
)


def one_mistake_away(word: str) -> list[str]:
    """Every spelling with one letter left out, put in, exchanged, or swapped with its neighbour:
    about 54 a letter in Latin script.
    """
    letters = "".join(
        alphabet for alphabet in _ALPHABETS if not set(alphabet).isdisjoint(word)
    ) or "".join(set(word))
    letters += " "
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {head + tail[1:] for head, tail in halves if tail}
    found |= {head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1}
    found |= {head + letter + tail[1:] for head, tail in halves if tail for letter in letters}
    found |= {head + letter + tail for head, tail in halves for letter in letters}
    return sorted({" ".join(spelled.split()) for spelled in found} - {word, ""})


def edit_distances(typed: str, name: str) -> tuple[int, int]:
    """Mistakes between the two, and between what was typed and the beginning of the name that fits
    it best.

    A mistake is a letter left out, put in or exchanged, or two neighbours swapped (optimal string
    alignment distance).
    """
    two_above: list[int] = []
    above = list(range(len(name) + 1))
    for i, letter in enumerate(typed, 1):
        row = [i]
        for j, other in enumerate(name, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == name[j - 2] and typed[i - 2] == other:
                cost = min(cost, two_above[j - 2] + 1)
            row.append(cost)
        two_above, above = above, row
    return above[-1], min(above)


# In which language a place's own name is: by its letters, its country and its region.


# First word of the letters' names in Unicode → the languages written in them. What is not here is
# written in Latin letters.
_WRITTEN_IN: Mapping[str, tuple[str, ...]] = {
    "ARABIC": ("ar", "fa", "ps", "ur", "ckb", "sd", "ug"),
    "ARMENIAN": ("hy",),
    "BENGALI": ("bn", "as"),
    "CJK": ("zh", "ja"),
    "CYRILLIC": ("be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "uk"),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "ETHIOPIC": ("am", "ti"),
    "GEORGIAN": ("ka",),
    "GREEK": ("el",),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "HANGUL": ("ko",),
    "HEBREW": ("he",),
    "HIRAGANA": ("ja",),
    "KANNADA": ("kn",),
    "KATAKANA": ("ja",),
    "KHMER": ("km",),
    "LAO": ("lo",),
    "MALAYALAM": ("ml",),
    "MYANMAR": ("my",),
    "ORIYA": ("or",),
    "SINHALA": ("si",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "THAANA": ("dv",),
    "THAI": ("th",),
    "TIBETAN": ("dz", "bo"),
}
_NOT_LATIN = frozenset(language for languages in _WRITTEN_IN.values() for language in languages)
# Where several official languages share their letters: the one in which most places are named,
_FIRST_LANGUAGE: Mapping[str, str] = dict(
    pair.split(":")
    for pair in [
        "AF:fa",
        "AR:es",
        "BA:bs",
        "BE:nl",
        "BI:rn",
        "BO:es",
        "BY:be",
        "CA:en",
        "CH:de",
        "CY:el",
        "GQ:es",
        "HK:zh-Hant",
        "KG:ky",
        "KZ:kk",
        "LU:lb",
        "MG:mg",
        "NA:en",
        "PE:es",
        "PY:es",
        "RW:rw",
        "TJ:tg",
        "TW:zh-Hant",
        "VA:it",
        "ZA:en",
        "ZW:en",
    ]
)
# and regions that differ, by the gazetteer's names of them.
_REGION_LANGUAGE: Mapping[tuple[str, str], str] = {
    ("CA", "Quebec"): "fr",
    ("CH", "Ticino"): "it",
    ("ET", "Tigray"): "ti",
    **dict.fromkeys(product(["BE"], ["Wallonia", "Brussels Capital"]), "fr"),
    **dict.fromkeys(
        product(["CH"], ["Geneva", "Vaud", "Neuchâtel", "Jura", "Fribourg", "Valais"]), "fr"
    ),
    **dict.fromkeys(product(["LK"], ["Northern Province", "Eastern Province"]), "ta"),
    **dict.fromkeys(product(["IN"], ["Maharashtra", "Goa"]), "mr"),
    **dict.fromkeys(product(["IN"], ["West Bengal", "Tripura"]), "bn"),
    ("IN", "Assam"): "as",
}


def name_language(name: str, country: str, region: str, languages: Sequence[str]) -> str:
    """The language of a place's own name: what its letters allow, of the region's and the country's
    official languages. Empty where that leaves none.

    ("لاہور" in Pakistan → ur, "Ville de Montréal" in Quebec → fr, "Mumbai" → en)

    Args:
        region: the gazetteer's name of the first-level division.
        languages: official ones of the country.
    """
    letters = (unicodedata.name(letter, "").split(" ")[0] for letter in name if letter.isalpha())
    script = next(letters, "LATIN")
    written = _WRITTEN_IN.get(script, ())
    likely = (_REGION_LANGUAGE.get((country, region)), _FIRST_LANGUAGE.get(country), *languages)
    for language in likely:
        if language and (
            language.split("-")[0] in written
            if script != "LATIN"
            else language.split("-")[0] not in _NOT_LATIN
        ):
            return language
    return written[0] if len(written) == 1 else ""
