"""The directory of members; memberships and claimed partnerships, as staff keep them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.cities.member_days import ORDERS
from backend.cities.models import (
    Community,
    Country,
    ExistingPartnership,
    Membership,
    Place,
)
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.models.places import in_order, region_label
from backend.cities.names import fold
from backend.cities.partner_places import NO_PLACE
from backend.cities.permissions import Reader
from backend.cities.profile_schema import FORMS
from backend.cities.queries import is_named
from backend.common.bounds import LARGEST_ID, longest, valid_ids
from backend.introductions.members import about_theme, in_kind, listed_members, with_form
from backend.suggestions.services.partners import described
from backend.web.html.forms import (
    COUNTRY_CODE,
    DomainForm,
    OpenChoiceField,
    Rows,
    SearchFilters,
    terms,
)

_ANY = ("", "Any")  # for staff
_ANY_WORD = ("", _("Any"))
_REGION = r"[^\x00-\x1f]{1,120}"


class DayField(forms.DateField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            input_formats=["%Y-%m-%d"],
            **options,
        )


def _countries_of_members() -> list[tuple[str, str]]:
    found = Country.objects.filter(communities__memberships__isnull=False).distinct()
    return [_ANY, *found.values_list("code", "name")]


class MemberFilters(SearchFilters):
    documented = {"standing": "Those that have ended are left out otherwise"}

    country = OpenChoiceField(label="Country", pattern=COUNTRY_CODE, choices=_countries_of_members)
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[_ANY, ("us", "U.S. members"), ("global", "Global Members")],
    )
    standing = forms.ChoiceField(
        label="Standing",
        required=False,
        choices=[("", "Current"), *Membership.Standing.choices, ("ended", "Ended")],
    )
    dues_class = forms.ChoiceField(
        label="Class", required=False, choices=[_ANY, *Membership.DuesClass.choices]
    )

    def narrow(self, rows: Rows, reader: Reader | None = None) -> Rows:
        rows = super().narrow(rows, reader)
        return rows.filter(ended_on__isnull=self.cleaned_data.get("standing") != "ended")

    def filter_standing(self, rows: Rows, value: str) -> Rows:
        return rows if value == "ended" else rows.filter(standing=value)

    def filter_country(self, rows: Rows, value: str) -> Rows:
        return rows.filter(community__country=value)

    def filter_kind(self, rows: Rows, value: str) -> Rows:
        at_home = Q(community__country=HOME_COUNTRY)
        return rows.filter(at_home if value == "us" else ~at_home)

    def filter_search(self, rows: Rows, value: str) -> Rows:
        for word in fold(value).split():
            named = Q(community__name__icontains=word)
            rows = rows.filter(named | Q(community__place__search_text__contains=word))
        return rows


_FIRST_YEAR = 1950  # of the decade in which the network began


class MemberDirectoryFilters(SearchFilters):
    """Of the public directory of members."""

    documented = {
        "search": "Words of the community's names; forgives accents",
        "kind": "U.S. members, or Global Members",
        "country": "ISO 3166-1 alpha-2",
        "state": "State, province or the like, as `admin1` names it or in its letters: OH",
        "theme": "In the community's profile or among the areas of an agreement",
        "form": "Of one of its partnerships, where that is known",
        "decade": "First year of the decade in which the membership began: 2010",
    }

    kind = forms.ChoiceField(
        required=False,
        choices=[_ANY_WORD, ("us", _("U.S. members")), ("global", _("Global Members"))],
        widget=forms.HiddenInput,
    )
    country = OpenChoiceField(label=_("Country"), pattern=COUNTRY_CODE)
    state = OpenChoiceField(label=_("State or region"), pattern=_REGION)
    theme = forms.ChoiceField(label=_("Theme"), required=False, choices=lambda: terms("themes"))
    form = forms.ChoiceField(
        label=_("Has a partnership of this form"),
        required=False,
        choices=[_ANY_WORD, *FORMS.items()],
    )
    decade = forms.IntegerField(
        label=_("Member since"),
        required=False,
        min_value=_FIRST_YEAR,
        max_value=2990,
        widget=forms.Select,
    )

    def __init__(self, *args: Any, is_api: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, is_api=is_api, **kwargs)
        if not is_api:
            self._offer(str(self.data.get("kind", "")))

    def _offer(self, kind: str) -> None:
        """The choices that lead to a member of the kind. Two queries."""
        rows = listed_members().filter(in_kind(kind)) if kind else listed_members()
        regions: dict[str, set[str]] = defaultdict(set)
        years: set[int] = set()
        found = rows.order_by().values_list(
            "community__country", "community__admin1", "started_on__year"
        )
        for country, region, year in found.distinct():
            regions[country].add(region)
            years.add(year // 10 * 10)
        named = {each.pk: each.label for each in Country.objects.filter(pk__in=regions)}
        countries = in_order(named.items())
        fields: Any = self.fields
        if kind == "us":
            del fields["country"]
        else:
            fields["country"].choices = [_ANY_WORD, *countries]
        states = {
            label: in_order((name, region_label(code, name)) for name in regions[code] if name)
            for code, label in countries
        }
        grouped = [(label, choices) for label, choices in states.items() if choices]
        fields["state"].choices = [
            _ANY_WORD,
            *(grouped if len(grouped) > 1 else [one for _label, of in grouped for one in of]),
        ]
        fields["decade"].widget.choices = [
            _ANY_WORD,
            *((year, _("%(year)ds") % {"year": year}) for year in sorted(years)),
        ]

    def filter_kind(self, rows: Rows, value: str) -> Rows:
        return rows.filter(in_kind(value))

    def filter_country(self, rows: Rows, value: str) -> Rows:
        return rows.filter(community__country=value)

    def filter_state(self, rows: Rows, value: str) -> Rows:
        return rows.filter(
            Q(community__admin1__iexact=value) | Q(community__place__admin1_code__iexact=value)
        )

    def filter_search(self, rows: Rows, value: str) -> Rows:
        names = ("community__name", "community__local_name", "community__place__search_text")
        return rows.filter(is_named(value, {"community__": names}))

    def filter_theme(self, rows: Rows, value: str) -> Rows:
        return rows.filter(about_theme(value))

    def filter_form(self, rows: Rows, value: str) -> Rows:
        return rows.filter(with_form(value))

    def filter_decade(self, rows: Rows, value: int) -> Rows:
        return rows.filter(started_on__year__gte=value, started_on__year__lt=value + 10)


class BeginMembershipForm(DomainForm):
    community = forms.CharField(
        label="Community",
        max_length=200,
        help_text="Its name, or its number. Only registered communities can be members.",
    )
    country = forms.ChoiceField(
        label="Country", required=False, help_text="Where several communities have that name."
    )
    started_on = DayField(label="Member from")
    paid_through = DayField(label="Dues paid through", required=False)
    dues_class = forms.ChoiceField(
        label="Class",
        required=False,
        choices=[("", "By its population"), *Membership.DuesClass.choices],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [  # type: ignore[attr-defined]
            _ANY,
            *Country.objects.filter(communities__isnull=False)
            .distinct()
            .values_list("code", "name"),
        ]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        typed = values.get("community", "")
        if typed:
            values["community_id"] = self._meant(typed, values.get("country", ""))
        return values

    def as_arguments(self) -> dict[str, Any]:
        names = ("community_id", "started_on", "paid_through", "dues_class")
        return {name: self.cleaned_data[name] for name in names}

    def _meant(self, typed: str, country: str) -> int | None:
        if typed.isascii() and typed.isdecimal() and len(typed) < 19:
            found = Community.objects.filter(pk=int(typed))
        else:
            found = Community.objects.filter(name__iexact=typed.strip())
        if country:
            found = found.filter(country=country)
        several = list(found.select_related("country")[:6])
        if len(several) == 1:
            return several[0].pk
        if not several:
            self.add_error(
                "community",
                "No registered community is called so. Look at the spelling, or give its number.",
            )
        else:
            named = "; ".join(
                f"{one.get_kind_display()}, {one.admin1 or one.country.name}: {one.pk}"
                for one in several
            )
            self.add_error("community", f"Several are called so. Give the number of one: {named}.")
        return None


class ChangeForm(DomainForm):
    needed = frozenset({"paid_through", "ended_on"})

    started_on = DayField(label="Member from")
    paid_through = DayField(
        label="Dues paid through",
        required=False,
        help_text="Empty: no last day is recorded, nothing lapses.",
    )
    dues_class = forms.ChoiceField(label="Class", choices=Membership.DuesClass.choices)
    ended_on = DayField(label="Ended on", required=False)


class RenewForm(DomainForm):
    paid_through = DayField(label="Dues paid through")


class EndForm(DomainForm):
    ended_on = DayField(label="Last day as a member")


class ListForm(DomainForm):
    file = forms.FileField(
        label="List of members",
        help_text="CSV, Excel (.xlsx) or OpenDocument (.ods), up to 10,000 rows.",
        required=False,
    )


class DaysForm(DomainForm):
    documented = {"day_order": "What comes first in days of the list like 7/1/2026"}

    day_order = forms.ChoiceField(choices=list(ORDERS.items()))


MOST_CLAIMS = 200  # that are confirmed at once


def read_claims(ticked: Sequence[str]) -> dict[int, dt.datetime | None]:
    """Number of a claim → when it was claimed, from ticks of the page ("7|2026-…"); what is none is
    left out.
    """
    found: dict[int, dt.datetime | None] = {}
    for given in ticked[:MOST_CLAIMS]:
        number, _bar, claimed_at = given.partition("|")
        try:
            ids = valid_ids([int(number)])
            moment = dt.datetime.fromisoformat(claimed_at)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            found.update(dict.fromkeys(ids, moment))
    return found


class ClaimForm(DomainForm):
    """One a row: ids are distinguished by the claim's number."""

    documented = {
        "note": "Why not; its owners read this",
        "place_id": "The place of the gazetteer that the partner is, where the profile names none; "
        "0: it is none. Needed to confirm a partner whose name the gazetteer or a community "
        "registered without a place has, unless `partner_id` says it",
        "partner_id": "Instead of a place: the registered community that the partner is",
        "claimed_at": "As you read it: refused (409) where the community has changed it since",
    }

    answer = forms.ChoiceField(
        choices=[("confirmed", "Confirmed"), ("refused", "Not confirmed")],
        widget=forms.HiddenInput,
    )
    note = forms.CharField(
        label="Reason (the city will see this)",
        required=False,
        max_length=longest(ExistingPartnership, "note"),
    )
    place_id = forms.IntegerField(
        label="The partner is", required=False, min_value=NO_PLACE, max_value=LARGEST_ID
    )
    partner_id = forms.IntegerField(
        label="Or the number of a registered community",
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
    )

    claimed_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, claim_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": f"claim-{claim_id}-%s", **kwargs})
        self.claim_id = claim_id

    def offer(self, places: Sequence[Place], communities: Sequence[Community]) -> None:
        """Lets the page choose one of them; a name that is one's alone is chosen already."""
        choices: list[tuple[Any, str]] = [("", "Choose its place")]
        for place in places:
            people = f", {place.population:,} people" if place.population else ""
            choices.append((place.pk, f"{place.name}, {place.admin1 or 'no region'}{people}"))
        choices.append((NO_PLACE, "None of the gazetteer"))
        field, partner = self.fields["place_id"], self.fields["partner_id"]
        field.widget = (
            forms.Select(choices=choices) if places or communities else forms.HiddenInput()
        )
        if communities:
            partner.help_text = f"Has this name: {'; '.join(map(described, communities))}."
        if len(places) + len(communities) == 1:
            field.initial = places[0].pk if places else NO_PLACE
            partner.initial = communities[0].pk if communities else None
