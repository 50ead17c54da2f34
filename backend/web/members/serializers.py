"""Memberships, lists of members and claimed partnerships, as staff keep them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.cities.member_sheets import LARGEST_FILE
from backend.cities.memberships import ACTION_LABELS
from backend.cities.models import ExistingPartnership, Membership, MembershipRequest
from backend.cities.profile_schema import FORMS, STATED_STATUS
from backend.cities.services import counts_of
from backend.cities.services.statements import BesideClaim, beside_claims
from backend.common.bounds import LARGEST_ID
from backend.web.members.forms import MOST_CLAIMS
from backend.web.public.serializers import (
    CommunityNameSerializer,
    CountryNameSerializer,
    PlaceNameSerializer,
)
from backend.web.rest.base import StrictSerializer


class MemberSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    community = CommunityNameSerializer()
    kind = serializers.SerializerMethodField(help_text="us | global")
    dues_class = serializers.ChoiceField(choices=Membership.DuesClass.choices)
    started_on = serializers.DateField()
    paid_through = serializers.DateField(
        allow_null=True, help_text="The last day that dues cover; null: not recorded"
    )
    ended_on = serializers.DateField(allow_null=True)
    standing = serializers.ChoiceField(choices=Membership.Standing.choices)

    def get_kind(self, row: Membership) -> str:
        return "us" if row.community.is_home else "global"


class MembershipNoteSerializer(serializers.Serializer):
    by_staff = serializers.BooleanField()
    text = serializers.CharField()
    at = serializers.DateTimeField()


class MembershipRequestSerializer(serializers.Serializer):
    """What a community asks for, with what was written about it."""

    id = serializers.IntegerField()
    community = CommunityNameSerializer()
    kind = serializers.ChoiceField(choices=MembershipRequest.Kind.choices)
    status = serializers.ChoiceField(choices=MembershipRequest.Status.choices)
    dues_class = serializers.ChoiceField(choices=Membership.DuesClass.choices)
    population = serializers.IntegerField(
        allow_null=True, help_text="As the community says, where the gazetteer does not know it"
    )
    billing_name = serializers.CharField()
    billing_email = serializers.CharField()
    asked_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    notes = MembershipNoteSerializer(many=True)


class DuesAmountSerializer(serializers.Serializer):
    dues_class = serializers.ChoiceField(choices=Membership.DuesClass.choices)
    kind = serializers.ChoiceField(choices=["us", "global"])
    dollars = serializers.IntegerField(
        allow_null=True, help_text="Whole U.S. dollars a year; null: staff tell it"
    )


class DuesSerializer(serializers.Serializer):
    amounts = DuesAmountSerializer(many=True)


class MemberPartnershipSerializer(serializers.Serializer):
    """A partnership of the directory as the member sees it."""

    partner = serializers.CharField()
    admin1 = serializers.CharField(help_text="State, province or the like; may be empty")
    country = serializers.CharField(help_text="ISO 3166-1 alpha-2")
    place_id = serializers.IntegerField(allow_null=True, help_text="GeoNames id")
    community_id = serializers.IntegerField(
        allow_null=True, help_text="Where it has a page that anybody may read"
    )
    partner_kind = serializers.ChoiceField(
        choices=["", "us", "global"], help_text="Of the partner's membership; empty: no member"
    )
    form = serializers.CharField(help_text="May be empty")
    status = serializers.CharField(help_text="`unknown` where only public lists name it")
    year = serializers.IntegerField(allow_null=True)
    is_recognised = serializers.BooleanField()
    sources = serializers.ListField(
        child=serializers.CharField(), help_text="`recorded`, `confirmed`, or tags of public lists"
    )
    is_sample = serializers.BooleanField()


class ListedMemberSerializer(serializers.Serializer):
    """A member in good standing with all its partnerships of the directory."""

    id = serializers.IntegerField()
    name = serializers.CharField(source="community.name")
    admin1 = serializers.CharField(
        source="community.admin1", help_text="State, province or the like; may be empty"
    )
    country = CountryNameSerializer(source="community.country")
    place_id = serializers.IntegerField(allow_null=True, help_text="GeoNames id")
    community_id = serializers.IntegerField(
        allow_null=True, help_text="Where it has a page that anybody may read"
    )
    kind = serializers.ChoiceField(choices=["us", "global"])
    member_since = serializers.DateField()
    is_sample = serializers.BooleanField(source="community.is_sample")
    partnerships = MemberPartnershipSerializer(many=True)


class MemberBeginSerializer(StrictSerializer):
    community_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    started_on = serializers.DateField()
    paid_through = serializers.DateField(required=False, allow_null=True, default=None)
    dues_class = serializers.ChoiceField(
        choices=Membership.DuesClass.choices,
        required=False,
        default="",
        allow_blank=True,
        help_text="Empty: by the population",
    )


class MemberListUploadSerializer(StrictSerializer):
    file = serializers.FileField(
        help_text="CSV, Excel (.xlsx) or OpenDocument (.ods), at most "
        f"{LARGEST_FILE // 2**20} MB and 10,000 rows",
        allow_empty_file=True,
    )


class PlannedRowSerializer(serializers.Serializer):
    row = serializers.IntegerField(help_text="In the file, from 1")
    values = serializers.DictField(
        child=serializers.CharField(), help_text="As read; days as year, month, day"
    )
    action = serializers.ChoiceField(choices=list(ACTION_LABELS.items()))
    community_id = serializers.IntegerField(allow_null=True)
    place_id = serializers.IntegerField(
        allow_null=True,
        required=False,
        help_text="Of a city that nobody has registered: it is registered with its membership",
    )
    membership_id = serializers.IntegerField(allow_null=True)
    changes = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)),
        help_text="By field: what is, and what will be",
    )
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="What is wrong, and how to correct it"
    )


class MemberImportSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    file_name = serializers.CharField()
    read_as = serializers.CharField()
    checked_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)
    counts = serializers.SerializerMethodField(help_text="Rows by action")
    rows = PlannedRowSerializer(many=True)

    def get_counts(self, checked: Any) -> dict[str, int]:
        return counts_of(checked)


class ConfirmedPartnershipSerializer(serializers.Serializer):
    """A partnership from before, as an official said and staff have confirmed."""

    id = serializers.IntegerField()
    community = CommunityNameSerializer()
    name = serializers.CharField(help_text="The partner, as the owner calls it")
    country = CountryNameSerializer()
    place = PlaceNameSerializer(allow_null=True)
    year = serializers.IntegerField(allow_null=True)
    form = serializers.ChoiceField(
        choices=[("", ""), *((code, str(label)) for code, label in FORMS.items())]
    )
    status = serializers.ChoiceField(
        choices=[(code, str(label)) for code, label in STATED_STATUS.items()]
    )
    state = serializers.ChoiceField(
        choices=ExistingPartnership.State.choices,
        help_text="What staff say; `claimed`: they have not answered yet, or its details have "
        "changed since",
    )


class ClaimSerializer(ConfirmedPartnershipSerializer):
    """A partnership that an official says the community has had before."""

    partner = CommunityNameSerializer(
        allow_null=True,
        help_text="The registered community that the partner is, chosen by staff, where it has no "
        "place",
    )
    claimed_by = serializers.CharField(
        source="claimed_by.name", default=None, allow_null=True, help_text="Who says it"
    )
    claimed_at = serializers.DateTimeField()
    lists = serializers.SerializerMethodField(help_text="Tags of public lists that name the pair")
    theirs = serializers.SerializerMethodField(
        help_text="The status that the partner says, whether staff have confirmed it or not"
    )
    answered_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(help_text="Why it was not confirmed")

    def _beside(self, row: ExistingPartnership) -> BesideClaim:
        """Read once for all rows of an answer."""
        kept: dict[int, BesideClaim] = self.context.setdefault("beside", {})
        if row.pk not in kept:
            rows = self.parent.instance if self.parent is not None else None
            kept.update(beside_claims(rows if isinstance(rows, list) else [row]))
        return kept[row.pk]

    def get_lists(self, row: ExistingPartnership) -> list[str]:
        return self._beside(row).lists

    def get_theirs(self, row: ExistingPartnership) -> str | None:
        theirs = self._beside(row).theirs
        return theirs.status if theirs is not None else None


class ReadClaimSerializer(StrictSerializer):
    id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    claimed_at = serializers.DateTimeField(
        required=False,
        default=None,
        allow_null=True,
        help_text="As you read it: not confirmed where the community has changed it since",
    )


class ClaimsSerializer(StrictSerializer):
    claims = serializers.ListField(
        child=ReadClaimSerializer(), min_length=1, max_length=MOST_CLAIMS
    )


class NotConfirmedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField())


class ConfirmedClaimsSerializer(serializers.Serializer):
    confirmed = serializers.ListField(child=serializers.IntegerField())
    not_confirmed = NotConfirmedSerializer(many=True)
