"""The columns of a list of members, by whatever words its first row names them, and where that row
is. Knows neither Django nor the database: it also runs where workbooks are read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import islice

COLUMNS = (
    "community_id",
    "community",
    "state",
    "country",
    "dues_class",
    "started_on",
    "paid_through",
    "ended_on",
)
DAYS = ("started_on", "paid_through", "ended_on")
NEEDED = ("started_on",)
MOST_ABOVE = 20  # rows in which the one with the names is looked for: titles stand above it
# English, German, French, Spanish, Japanese and Arabic, as clerks of members name such columns.
_WORDS = {
    "community_id": """community number; member number; id; nummer; mitgliedsnummer; numéro;
        número; 番号; 会員番号; رقم""",
    "community": """city; town; municipality; member; name; community name; city name; county;
        stadt; gemeinde; kommune; mitglied; ort; ville; commune; collectivité; membre; nom;
        ciudad; municipio; miembro; nombre; comunidad; 都市; 市; 都市名; 自治体; 自治体名; 市町村;
        会員; 名称; المدينة; مدينة; البلدية; بلدية; العضو; الاسم""",
    "state": """province; region; state or province; state/province; bundesland; land/region;
        provinz; état; etat; région; département; estado; provincia; región; departamento;
        州; 県; 都道府県; 省; الولاية; ولاية; المحافظة; المقاطعة; المنطقة""",
    "country": """nation; country code; land; staat; ländercode; pays; code pays; país; 国; 国名;
        国コード; الدولة; دولة; البلد; بلد""",
    "dues_class": """class; dues; size class; klasse; beitragsklasse; classe; catégorie; clase;
        categoría; clase de cuota; 区分; 会費区分; الفئة; فئة""",
    "started_on": """started; start; start date; begin; began; member since; member from; since;
        joined; joined on; date joined; membership began; first day; beginn; seit; mitglied seit;
        eintritt; eintrittsdatum; début; date de début; membre depuis; depuis; date d'adhésion;
        adhésion; inicio; fecha de inicio; miembro desde; desde; fecha de ingreso; ingreso;
        入会日; 加入日; 開始日; تاريخ البدء; تاريخ الانضمام; عضو منذ; منذ""",
    "paid_through": """paid until; paid to; dues paid through; valid until; expires; expiry;
        paid through date; bezahlt bis; gültig bis; payé jusqu'au; payé jusqu'à;
        cotisation payée jusqu'au; valable jusqu'au; pagado hasta; válido hasta; 支払期限;
        有効期限; 会費有効期限; مدفوع حتى; صالح حتى""",
    "ended_on": """ended; end; end date; left; left on; date left; last day; ende; ausgetreten;
        austritt; austrittsdatum; fin; date de fin; fecha de fin; baja; fecha de baja; 退会日;
        終了日; تاريخ الانتهاء; تاريخ الانسحاب""",
}


def _plain(word: str) -> str:
    """Without case, accents, underscores and what stands in brackets."""
    word = re.sub(r"[(（\[].*?[)）\]]", "", unicodedata.normalize("NFKC", word)).casefold()
    letters = unicodedata.normalize("NFD", word.replace("’", "'"))
    kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[_*:.\-]+", " ", kept).split())


_CALLED = {_plain(word): column for column, words in _WORDS.items() for word in words.split(";")}
_CALLED |= {_plain(column): column for column in COLUMNS}


def column_of(word: str) -> str:
    """The column that is called so; a word that names none stays, as the old names were written."""
    return _CALLED.get(_plain(word), word.strip().casefold().replace(" ", "_"))


def is_head(names: Sequence[str]) -> bool:
    """Whether these columns are enough for a list of members."""
    return set(NEEDED) <= set(names) and not {"community", "community_id"}.isdisjoint(names)


def head_among(rows: Sequence[Sequence[str]]) -> int | None:
    """Which of the first rows names the columns: the first that has those that are needed."""
    for at, cells in enumerate(islice(rows, MOST_ABOVE)):
        if is_head([column_of(cell) for cell in cells]):
            return at
    return None


def likeliest_head(rows: Sequence[Sequence[str]]) -> int:
    """The same; where none has them all the one that has most, about which people are told."""
    found = head_among(rows)
    if found is not None:
        return found
    known = [
        len({column_of(cell) for cell in cells} & set(COLUMNS))
        for cells in islice(rows, MOST_ABOVE)
    ]
    return known.index(max(known)) if known else 0
