"""The curators' queue of submissions, and signals about each of them. Signals, never gates: many
real officials write from public mail services.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import QuerySet
from publicsuffixlist import PublicSuffixList

from backend.accounts.grants import Resource, Role, Verb
from backend.accounts.models import User
from backend.cities.models import Community, Profile, ProfileVersion, VettingApproval, VettingNote
from backend.cities.names import edit_distances, searched_name
from backend.cities.permissions import Reader, require_staff
from backend.cities.profile_schema import document_value
from backend.common.dates import database_now, years_after
from backend.outbox.models import Event
from backend.outbox.topics import Topic

PUBLIC_MAIL = frozenset(
    {
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "yahoo.com",
        "ymail.com",
        "aol.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "gmx.com",
        "gmx.net",
        "gmx.de",
        "web.de",
        "t-online.de",
        "freenet.de",
        "mail.com",
        "mail.ru",
        "bk.ru",
        "list.ru",
        "inbox.ru",
        "yandex.ru",
        "yandex.com",
        "ya.ru",
        "proton.me",
        "protonmail.com",
        "tutanota.com",
        "zoho.com",
        "qq.com",
        "163.com",
        "126.com",
        "sina.com",
        "sohu.com",
        "foxmail.com",
        "naver.com",
        "daum.net",
        "hanmail.net",
        "rediffmail.com",
        "libero.it",
        "virgilio.it",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "laposte.net",
        "sfr.fr",
        "seznam.cz",
        "wp.pl",
        "onet.pl",
        "interia.pl",
        "o2.pl",
        "ukr.net",
        "abv.bg",
        "uol.com.br",
        "bol.com.br",
        "terra.com.br",
        "walla.co.il",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.co.in",
        "yahoo.fr",
        "yahoo.de",
        "yahoo.es",
        "yahoo.it",
        "yahoo.com.br",
        "yahoo.com.mx",
        "hotmail.fr",
        "hotmail.co.uk",
        "hotmail.es",
        "hotmail.it",
        "hotmail.de",
        "outlook.fr",
        "outlook.de",
        "outlook.es",
        "live.fr",
        "live.co.uk",
    }
)
# Under which others than their owner have names, and which the list does not have (yet).
_SHARED_TOO = frozenset({"act.gov.au", "nsw.gov.au", "nt.gov.au", "weebly.com", "wordpress.com"})
_LETTER_OLD_YEARS = 1


@dataclass(frozen=True, slots=True)
class Signal:
    """``tone`` is "good", "plain" or "look" (look closer); ``sentence`` says what is so,
    ``meaning`` what to make of it.
    """

    code: str
    tone: str
    sentence: str
    meaning: str


def registrable_domain(host: str) -> str:
    """The part of a host's name that somebody registered, by the Public Suffix List, in letters; a
    name that is a suffix itself stays. ("mail.city.kobe.lg.jp" → "kobe.lg.jp", "www.rathaus.de" →
    "rathaus.de", "izmir.bel.tr" → "izmir.bel.tr", "www.xn--mnchen-3ya.de" → "münchen.de")
    """
    name = host.strip(".").casefold()
    with suppress(UnicodeError):
        name = name.encode("idna").decode()
    found = _suffixes().privatesuffix(name) or name
    if found in _SHARED_TOO and name != found:
        found = f"{name.removesuffix(f'.{found}').rpartition('.')[2]}.{found}"
    with suppress(UnicodeError):
        return found.encode().decode("idna")
    return found


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def signals_of(profiles: Sequence[Profile], now: dt.datetime) -> dict[int, list[Signal]]:
    """The signals of each submission, by the profile's id. One query, whatever the number.

    The profiles come with community, its roles with their users, letters and notes
    (``queries.vetting_queue``, ``submission_for``).
    """
    neighbours: dict[str, list[Community]] = defaultdict(list)
    countries = {profile.community.country_id for profile in profiles}
    for community in Community.objects.filter(country__in=countries).only(
        "id", "name", "kind", "admin1", "country_id"
    ):
        neighbours[community.country_id].append(community)
    return {
        profile.pk: _signals(profile, neighbours[profile.community.country_id], now)
        for profile in profiles
    }


def _signals(profile: Profile, neighbours: Iterable[Community], now: dt.datetime) -> list[Signal]:
    signals = [
        *_mail(profile),
        *_registrants(profile),
        _letter(profile, now),
        _official(profile),
        *_similar(profile.community, neighbours),
    ]
    if profile.community.is_sample:
        signals.append(
            Signal(
                "sample",
                "plain",
                "This community belongs to the sample world.",
                "Its people are invented.",
            )
        )
    return signals


def _website_of(profile: Profile) -> str:
    site = document_value(profile.draft, "identity", "website") or profile.community.website
    try:
        return urlsplit(str(site)).hostname or ""
    except ValueError:
        return ""


def _active(profile: Profile) -> list[str]:
    return [
        role.user.email
        for role in profile.community.roles.all()
        if role.ended_at is None and role.role == Role.OFFICIAL
    ]


def _mail(profile: Profile) -> list[Signal]:
    return [_mail_of(address, _website_of(profile)) for address in _active(profile)]


def _mail_of(address: str, website: str) -> Signal:
    host = address.rpartition("@")[2]
    domain, site = registrable_domain(host), registrable_domain(website)
    if domain in PUBLIC_MAIL:
        meaning = (
            "Many real officials write from such an address. Let the letter and the named "
            "official decide."
        )
        return Signal(
            "mail_public", "plain", f"{address} is at a public mail service ({domain}).", meaning
        )
    if not website:
        meaning = "Look the domain up, or ask for the official website."
        return Signal(
            "mail_unknown",
            "plain",
            f"{address} is at {domain}; no website is given to compare it with.",
            meaning,
        )
    if domain == site:
        meaning = (
            "The owner of the website also gave out this address. Check that it is the "
            "municipality's website."
        )
        return Signal(
            "mail_same", "good", f"{address} is at the domain of the website ({site}).", meaning
        )
    meaning = (
        "Another office or a nonprofit may have its own domain; ask if it is not clear whose it is."
    )
    return Signal(
        "mail_other", "look", f"{address} is at {domain}, the website at {site}.", meaning
    )


def _registrants(profile: Profile) -> list[Signal]:
    people = _active(profile)
    if len(people) < 2:
        return []
    meaning = (
        "A second registrant is sent to the organisation that is there. Approving confirms all "
        "who are not confirmed yet."
    )
    return [
        Signal(
            "second_registrant",
            "look",
            f"{len(people)} people are registered as officials: {', '.join(people)}.",
            meaning,
        )
    ]


def _letter(profile: Profile, now: dt.datetime) -> Signal:
    newest = max((letter.at for letter in profile.letters.all()), default=None)
    if newest is None:
        return Signal(
            "letter_missing",
            "look",
            "There is no letter.",
            "Ask for one, unless you know the community from elsewhere.",
        )
    days = (now - newest).days
    sent = "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
    if now > years_after(newest, _LETTER_OLD_YEARS):
        return Signal(
            "letter_old",
            "look",
            f"The newest letter was sent {sent}.",
            "The official who signed may have left office.",
        )
    return Signal(
        "letter", "good", f"The newest letter was sent {sent}.", "Read who signed it, and for whom."
    )


def _official(profile: Profile) -> Signal:
    name = document_value(profile.draft, "authority", "highest_official_name")
    office = document_value(profile.draft, "authority", "highest_official_office")
    if not name or not office:
        return Signal(
            "official_missing",
            "look",
            "No senior official is named.",
            "A registrant must work directly with elected officials.",
        )
    meaning = "Compare with the letter and with the municipality's website."
    return Signal("official", "good", f"The senior official is named: {name}, {office}.", meaning)


def _similar(community: Community, neighbours: Iterable[Community]) -> list[Signal]:
    key = searched_name(community.name)
    found = [
        other
        for other in neighbours
        if other.pk != community.pk and _alike(key, searched_name(other.name))
    ]
    if not found:
        return []
    named = ", ".join(
        f"{other.name} ({other.get_kind_display()}{f', {other.admin1}' if other.admin1 else ''})"
        for other in found[:5]
    )
    meaning = (
        "They may be one: a city and its county, or one place spelled twice. Nobody starts a "
        "second organisation around the first."
    )
    return [
        Signal(
            "similar",
            "look",
            f"A community with a similar name is registered in the same country: {named}.",
            meaning,
        )
    ]


def _alike(one: str, other: str) -> bool:
    if one == other or f" {one} " in f" {other} " or f" {other} " in f" {one} ":
        return True
    return (
        min(len(one), len(other)) >= 5
        and abs(len(one) - len(other)) <= 1
        and edit_distances(one, other)[0] <= 1
    )


# What staff and owners read of the vetting of a profile.


# The events that the owner's side reads. Only staff read which curator it was.
_OF_VETTING = (
    Topic.PROFILE_SUBMITTED,
    Topic.PROFILE_CHANGES_REQUESTED,
    Topic.PROFILE_APPROVED,
    Topic.PROFILE_PUBLISHED,
    Topic.LETTER_ATTACHED,
    Topic.LETTER_READ,
    Topic.LETTERS_ERASED,
    Topic.COMMUNITY_REGISTERED,
)


@dataclass(frozen=True, slots=True)
class Submission:
    """A profile as staff vet it. ``first_approval``: one curator has approved this revision, and
    a second one must.
    """

    profile: Profile
    signals: list[Signal]
    needs_two: bool
    first_approval: VettingApproval | None

    @property
    def to_look_at(self) -> list[Signal]:
        return [signal for signal in self.signals if signal.tone == "look"]


def without_a_profile(countries: set[str]) -> set[str]:
    """Those of the countries from which nothing has been published, if the rule of two approvals
    for them is on.
    """
    if not countries or not settings.VETTING["two_approvals_for_first_of_country"]:
        return set()
    published = ProfileVersion.objects.filter(profile__community__country__in=countries)
    return countries - set(
        published.values_list("profile__community__country", flat=True).distinct()
    )


def first_approval_of(profile: Profile) -> VettingApproval | None:
    """The first of two approvals of what is submitted now; one of an older revision no longer
    counts.
    """
    if profile.status != Profile.Status.SUBMITTED:
        return None
    approvals = (
        row
        for row in profile.approvals.all()
        if row.version_id is None and row.revision == profile.draft_revision
    )
    return next(approvals, None)


def submissions_of(profiles: Sequence[Profile]) -> list[Submission]:
    """The profiles with what a curator should know of each, in a fixed number of queries. They come
    prefetched (``vetting_queue``).
    """
    signals = signals_of(profiles, database_now())
    new_countries = without_a_profile({profile.community.country_id for profile in profiles})
    return [
        Submission(
            profile=profile,
            signals=signals[profile.pk],
            needs_two=profile.community.country_id in new_countries,
            first_approval=first_approval_of(profile),
        )
        for profile in profiles
    ]


def vetting_trail(user: User, community_id: int) -> QuerySet[Event]:
    """What happened while the profile was vetted, the latest first. Raises NotVisible for others
    than staff.
    """
    require_staff(user, Verb.READ, Resource.AUDIT_ALL)
    return (
        Event.objects.filter(community_id=community_id, topic__in=_OF_VETTING)
        .select_related("by")
        .order_by("-id")
    )


def notes_for(reader: Reader) -> list[VettingNote]:
    """What staff asked and what was answered, the latest first. Raises NotVisible for others than
    owners and staff.
    """
    community_id = reader.require(Verb.READ, Resource.DRAFT)
    return list(VettingNote.objects.filter(profile__community_id=community_id).order_by("-id"))
