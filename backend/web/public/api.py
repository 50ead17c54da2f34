"""What anybody may read: who seeks, the directory, places and vocabularies; and registering a
community.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.cities.models import (
    Community,
    Country,
    ExistingPartnership,
    ListedPartnership,
    Membership,
    SeekingEntry,
)
from backend.cities.place_search import search, search_places
from backend.cities.queries import listed_partners, public_document
from backend.cities.seeking import with_communities
from backend.cities.services import register_community
from backend.cities.vocabularies import NAMES, vocabulary
from backend.common.errors import NotVisible
from backend.introductions.directory import (
    RowFilters,
    confirmed_of_members,
    listed_of_members,
    recorded_partnerships,
)
from backend.introductions.models import Partnership
from backend.introductions.partners import partners_of
from backend.web.access import Level, open_to
from backend.web.introductions.serializers import PartnershipSerializer
from backend.web.members.serializers import ConfirmedPartnershipSerializer
from backend.web.public import serializers
from backend.web.public.forms import (
    ConfirmedFilters,
    ListedFilters,
    PlaceFilters,
    RecordedFilters,
    SearchForm,
    SeekingFilters,
    StatedFilters,
)
from backend.web.public.views import place_shown, public_community_of
from backend.web.rest.base import ApiList, ApiView, Data, current_user, operation, read_filters


@open_to(GET=Level.PUBLIC, POST=Level.SIGNED_IN)
class CommunitiesView(ApiList):
    serializer_class = serializers.SeekingSerializer
    filter_form = SeekingFilters

    def get_queryset(self) -> QuerySet[SeekingEntry]:
        return with_communities(SeekingEntry.objects.all())

    @extend_schema(summary="Communities that seek partners")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def present(self, row: SeekingEntry) -> Community:
        row.community.seeking = row  # type: ignore[attr-defined]
        return row.community

    @operation(
        "Register a community",
        serializers.RegisteredSerializer,
        takes=serializers.RegistrationSerializer,
        status=201,
    )
    def post(self, request: Request, data: Data) -> object:
        return register_community(by=current_user(request), **data)


@open_to(GET=Level.PUBLIC)
class CommunityView(ApiView):
    @operation("One community with its published profile", serializers.CommunitySerializer)
    def get(self, request: Request, community_id: int) -> object:
        current = Prefetch(
            "memberships",
            Membership.objects.filter(ended_on__isnull=True),
            to_attr="current_memberships",
        )
        found = (
            Community.objects.public()
            .select_related("country", "place", "profile__current_version")
            .prefetch_related(current)
        )
        community: Any = found.filter(pk=community_id).first()
        if community is None:
            raise NotVisible
        community.membership = next(iter(community.current_memberships), None)
        community.public_document = public_document(
            community.pk, community.profile.current_version.data
        )
        community.listed_partners = listed_partners(community)
        community.partners = partners_of(community.place, community)
        return community


@open_to(GET=Level.PUBLIC)
class CountriesView(ApiList):
    serializer_class = serializers.CountrySerializer

    def get_queryset(self) -> QuerySet[Country]:
        return Country.objects.order_by("code", "pk")


@open_to(GET=Level.PUBLIC)
class PlacesView(ApiView):
    filter_form = PlaceFilters

    @operation("Places by name, forgiving accents and mistakes", serializers.PlacesSerializer)
    def get(self, request: Request) -> object:
        data = read_filters(PlaceFilters, request.query_params, paged=False).chosen()
        places = search_places(data["q"], country=data.get("country", ""))
        return {"results": places}


@open_to(GET=Level.PUBLIC)
class SearchView(ApiView):
    """The best first. A hit is a place, a community that the gazetteer does not have, or a region;
    `why` says what fits: the `name`, an `other` name, what it `begins` with, a later `word` of it,
    a name with a `mistake`, or that it lies `in` what was asked for.
    """

    filter_form = SearchForm

    @operation("Search places, communities and regions", serializers.SearchSerializer)
    def get(self, request: Request) -> object:
        data = read_filters(SearchForm, request.query_params, paged=False).chosen()
        hits = search(data["q"], country=data.get("country", ""))
        return {"results": [serializers.hit(each) for each in hits]}


@open_to(GET=Level.PUBLIC)
class PlaceView(ApiView):
    """A place of the gazetteer, registered or not, with all its partnerships: one row a partner."""

    @operation(
        "One place with its partners", serializers.PlacePageSerializer, operation_id="place_page"
    )
    def get(self, request: Request, place_id: int) -> object:
        place: Any = place_shown(place_id)
        public = public_community_of(place)
        place.community_id = public.pk if public is not None else None
        place.is_registered = getattr(place, "community", None) is not None
        place.partners = partners_of(place, public)
        return place


@open_to(GET=Level.PUBLIC)
class VocabulariesView(ApiView):
    @operation(
        "Names of the vocabularies",
        serializers.VocabularyNamesSerializer,
        operation_id="vocabulary_names",
    )
    def get(self, request: Request) -> object:
        return {"names": list(NAMES)}


@open_to(GET=Level.PUBLIC)
class VocabularyView(ApiView):
    @operation("The terms of one vocabulary", serializers.VocabularySerializer)
    def get(self, request: Request, name: str) -> object:
        if name not in NAMES:
            raise NotVisible
        return {"name": name, "terms": list(vocabulary(name).values())}


class DirectoryList(ApiList):
    filter_form: type[ListedFilters]

    def asked(self) -> RowFilters:
        return read_filters(self.filter_form, self.request.query_params).asked()


@open_to(GET=Level.PUBLIC)
class PartnershipsView(DirectoryList):
    """The directory: partnerships of members in good standing that are recorded here and have not
    ended.
    """

    serializer_class = PartnershipSerializer
    filter_form = RecordedFilters

    def get_queryset(self) -> QuerySet[Partnership]:
        return recorded_partnerships(self.asked())


@open_to(GET=Level.PUBLIC)
class ConfirmedPartnershipsView(DirectoryList):
    """The directory: partnerships that members had before they came, as their officials say and
    staff have confirmed.
    """

    serializer_class = ConfirmedPartnershipSerializer
    filter_form = ConfirmedFilters

    def get_queryset(self) -> QuerySet[ExistingPartnership]:
        return confirmed_of_members(self.asked())


@open_to(GET=Level.PUBLIC)
class ListedPartnershipsView(DirectoryList):
    """The directory: pairs with a member in good standing that public lists name. Their status is
    what one of the two says, or not known.
    """

    serializer_class = serializers.ListedPartnershipSerializer
    filter_form = StatedFilters

    def get_queryset(self) -> QuerySet[ListedPartnership]:
        return listed_of_members(self.asked())

    def present(self, row: ListedPartnership) -> dict[str, Any]:
        return serializers.listed_pair(row)
