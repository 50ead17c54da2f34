"""Communities, places and vocabularies: what anybody may read."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.cities.models import Community, Country, Profile
from backend.cities.place_search import Hit
from backend.cities.profile_schema import STATED_STATUS
from backend.cities.seeking import kilometres
from backend.common.bounds import LARGEST_ID, longest
from backend.web.public.views import public_community_of
from backend.web.rest.base import StrictSerializer
from backend.web.rest.schema import published_document_schema


class CountrySerializer(serializers.Serializer):
    code = serializers.CharField(help_text="ISO 3166-1 alpha-2")
    name = serializers.CharField()
    region = serializers.CharField(help_text="UN region")
    subregion = serializers.CharField(help_text="UN subregion; what the filter `region` takes")


class CountryNameSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="ISO 3166-1 alpha-2")
    name = serializers.CharField()


class CommunityNameSerializer(serializers.Serializer):
    """A community as far as needed to distinguish it from others."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    admin1 = serializers.CharField(help_text="State, province or the like; may be empty")
    country = CountryNameSerializer()
    is_sample = serializers.BooleanField(
        help_text="Belongs to the sample world: real facts, made-up wishes."
    )


class CommunitySummarySerializer(CommunityNameSerializer):
    kind = serializers.ChoiceField(choices=Community.Kind.choices)
    local_name = serializers.CharField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    timezone = serializers.CharField(help_text="IANA name; may be empty")
    population = serializers.IntegerField(
        source="place.population", default=None, allow_null=True, help_text="By the gazetteer"
    )


class SeekingSerializer(CommunitySummarySerializer):
    """A community in the list of seekers, with what the list is filtered by."""

    published_at = serializers.DateTimeField(source="seeking.published_at")
    needs = serializers.ListField(
        child=serializers.CharField(),
        source="seeking.needs",
        help_text="Topics, the most important first",
    )
    offers = serializers.ListField(child=serializers.CharField(), source="seeking.offers")
    is_member = serializers.BooleanField(
        source="seeking.is_member", help_text="In good standing: a U.S. or a Global Member"
    )
    distance_km = serializers.SerializerMethodField(
        help_text="From `near` or `community`, with `sort=near`"
    )
    fit = serializers.SerializerMethodField(
        help_text="0 to 2, with `sort=fit`: the share of the needs of `community` that this one "
        "offers, plus the share of its own needs that `community` offers"
    )

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_distance_km(self, row: Any) -> int | None:
        distance = getattr(row.seeking, "distance", None)
        return None if distance is None else round(kilometres(distance))

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_fit(self, row: Any) -> float | None:
        fit = getattr(row.seeking, "fit", None)
        return None if fit is None else round(fit, 3)


@extend_schema_field(published_document_schema())
class PublishedDocumentField(serializers.JSONField):
    pass


class PlaceNameSerializer(serializers.Serializer):
    id = serializers.IntegerField(help_text="GeoNames id")
    name = serializers.CharField()
    admin1 = serializers.CharField()
    country = CountryNameSerializer()


class PlaceSerializer(PlaceNameSerializer):
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()
    population = serializers.IntegerField(allow_null=True)
    timezone = serializers.CharField()
    community_id = serializers.IntegerField(
        source="community.pk",
        default=None,
        allow_null=True,
        help_text="The community registered for it",
    )


class ListedPartnerSerializer(serializers.Serializer):
    """A partner that a public list names: its status is not known."""

    place = PlaceNameSerializer()
    community_id = serializers.IntegerField(allow_null=True)
    sources = serializers.ListField(child=serializers.CharField())


class MembershipSerializer(serializers.Serializer):
    dues_class = serializers.CharField()
    started_on = serializers.DateField()
    standing = serializers.CharField()


class PartnerSerializer(serializers.Serializer):
    """One partner, whoever says so."""

    name = serializers.CharField()
    country = serializers.CharField(help_text="ISO 3166-1 alpha-2")
    place_id = serializers.IntegerField(source="place", allow_null=True)
    community_id = serializers.IntegerField(source="community", allow_null=True)
    status = serializers.CharField(
        help_text="`unknown` where nobody has said it; `not_ours`: one of the two says that it is "
        "no partnership"
    )
    form = serializers.CharField(help_text="May be empty")
    year = serializers.IntegerField(allow_null=True)
    is_recognised = serializers.BooleanField()
    sources = serializers.ListField(
        child=serializers.CharField(),
        help_text="`recorded` here, `confirmed`: said by the community, `theirs`: said by the "
        "partner, `stated`, `stated_by_partner`: the same, not checked by staff yet, or tags of "
        "public lists",
    )


class CommunitySerializer(CommunitySummarySerializer):
    status = serializers.ChoiceField(source="profile.status", choices=Profile.Status.choices)
    website = serializers.CharField()
    version = serializers.IntegerField(source="profile.current_version.number")
    published_at = serializers.DateTimeField(source="profile.current_version.published_at")
    confirmed_at = serializers.DateTimeField(
        source="profile.confirmed_at", help_text="When its owner last said that it is true"
    )
    profile = PublishedDocumentField(source="public_document")
    membership = MembershipSerializer(allow_null=True)
    listed_partners = ListedPartnerSerializer(many=True)
    partners = PartnerSerializer(many=True, help_text="All of them, whoever says so")


class RegistrationSerializer(StrictSerializer):
    place_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="Needed for a city",
    )
    kind = serializers.CharField(
        required=False, default="city", max_length=longest(Community, "kind")
    )
    name = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=longest(Community, "name")
    )
    country = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=longest(Country, "code")
    )
    admin1 = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=longest(Community, "admin1")
    )
    seat = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=longest(Community, "name"),
        help_text="Without a place: the town that the administration sits in; gives coordinates "
        "and time zone",
    )
    website = serializers.URLField(
        required=False, default="", allow_blank=True, max_length=longest(Community, "website")
    )
    is_another = serializers.BooleanField(
        required=False,
        default=False,
        help_text="After 409 `community_looks_registered`: none of those is meant",
    )


class RegisteredSerializer(CommunityNameSerializer):
    status = serializers.ChoiceField(source="profile.status", choices=Profile.Status.choices)
    revision = serializers.IntegerField(source="profile.draft_revision")


class PlacesSerializer(serializers.Serializer):
    results = PlaceSerializer(many=True)


class HitSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["place", "community", "region"])
    name = serializers.CharField()
    admin1 = serializers.CharField(help_text="State, province or the like; may be empty")
    country = serializers.CharField(help_text="ISO 3166-1 alpha-2")
    place_id = serializers.IntegerField(allow_null=True, help_text="GeoNames id")
    community_id = serializers.IntegerField(
        allow_null=True, help_text="Where it has a page that anybody may read"
    )
    population = serializers.IntegerField(allow_null=True)
    why = serializers.ChoiceField(choices=["name", "other", "begins", "word", "mistake", "in"])
    matched = serializers.CharField(help_text="The name that fits, where it is another one")


class SearchSerializer(serializers.Serializer):
    results = HitSerializer(many=True)


def hit(found: Hit) -> dict[str, Any]:
    """A hit with the names its serializer takes."""
    kind = "region" if found.region else "place" if found.place else "community"
    public = public_community_of(found.place) if found.place is not None else found.community
    shown = found.place or found.community
    country, name = found.region or ("", "")
    return {
        "kind": kind,
        "name": shown.name if shown else name,
        "admin1": shown.admin1 if shown else "",
        "country": shown.country_id if shown else country,
        "place_id": found.place.pk if found.place else None,
        "community_id": public.pk if public else None,
        "population": found.place.population if found.place else None,
        "why": found.why,
        "matched": found.matched,
    }


class PlacePageSerializer(PlaceNameSerializer):
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()
    population = serializers.IntegerField(allow_null=True)
    timezone = serializers.CharField()
    is_registered = serializers.BooleanField()
    community_id = serializers.IntegerField(
        allow_null=True, help_text="Where it has a page that anybody may read"
    )
    partners = PartnerSerializer(many=True)


class VocabularyNamesSerializer(serializers.Serializer):
    names = serializers.ListField(child=serializers.CharField())


class TermSerializer(serializers.Serializer):
    code = serializers.CharField()
    labels = serializers.DictField(
        child=serializers.CharField(),
        help_text="Words by language (ISO 639-1); English is always there",
    )
    group = serializers.CharField()
    isic = serializers.ListField(
        child=serializers.CharField(), help_text="Sections of ISIC Rev. 4, for sectors"
    )


class VocabularySerializer(serializers.Serializer):
    name = serializers.CharField()
    terms = TermSerializer(many=True)


def listed_pair(row: Any) -> dict[str, Any]:
    """A listed partnership with the names its serializer takes."""
    return {
        "id": row.pk,
        "places": [row.place_a, row.place_b],
        "sources": row.sources,
        "status": (row.stated or {}).get("status", "listed, status unknown"),
        "stated": row.stated,
    }


class PairStatementSerializer(serializers.Serializer):
    """What one of the two says of a pair; staff have not checked it yet."""

    by = serializers.IntegerField(help_text="The community that says it")
    status = serializers.ChoiceField(choices=list(STATED_STATUS))
    year = serializers.IntegerField(allow_null=True, help_text="Since when")
    form = serializers.CharField(help_text="May be empty")


class ListedPartnershipSerializer(serializers.Serializer):
    """A pair that a public list names. Its dates and status are not known unless one of the two
    says them.
    """

    id = serializers.IntegerField()
    places = PlaceNameSerializer(many=True)
    sources = serializers.ListField(child=serializers.CharField())
    status = serializers.CharField(
        help_text="`listed, status unknown`, or the code of what one of the two says"
    )
    stated = PairStatementSerializer(allow_null=True)
