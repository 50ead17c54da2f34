"""Django's admin, read-only: administrators look up rows as the database holds them, and change
none.

Acts belong to the services, which check, lock and write the trail; a form that writes past them
would break what the rest rests on. So every model here is only to be read, and contacts, letters,
votes, comments and messages are not here at all: of what the sides did, no more than the trail that
staff read anyway. The door is that of every other page: ``backend.web.html.access``, with the
second factor that it asks of staff.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models import BinaryField, Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.views.decorators.cache import never_cache

from backend.accounts.models import User
from backend.accounts.services import must_set_up_second_factor
from backend.cities.models import (
    Community,
    Country,
    ListedPartnership,
    Membership,
    Place,
    ReferenceLoad,
)
from backend.outbox.models import Event, Heartbeat, Job, ScheduledTick
from backend.outbox.queries import staff_trail
from backend.suggestions.models import CurrentRun, ScoringRun, ScoringShard, WeightSet
from backend.web.access import Level, open_to
from backend.web.html.errors import not_found

# Signing in and out and passwords have their pages already; nothing here is completed, redirected
# or written.
_LEFT_OUT = frozenset(
    {
        "login",
        "logout",
        "password_change",
        "password_change_done",
        "autocomplete",
        "view_on_site",
        None,
    }
)


class ReadOnlyAdminSite(AdminSite):
    site_title = site_header = "Records"
    index_title = "Records as the database holds them"
    site_url = None
    enable_nav_sidebar = False
    final_catch_all_view = False
    index_template = "admin/records.html"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return (
            isinstance(user, User)
            and user.is_active
            and user.is_admin
            and not must_set_up_second_factor(user)
        )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Django's own sends strangers to a sign-in of its own; here they see the page of a wrong
        address.
        """

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return (
                view(request, *args, **kwargs)
                if self.has_permission(request)
                else not_found(request)
            )

        return inner if cacheable else never_cache(inner)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        entries = [
            entry for entry in super().get_urls() if getattr(entry, "name", "") not in _LEFT_OUT
        ]
        for entry in entries:
            if isinstance(entry, URLPattern):
                open_to(Level.ADMIN)(entry.callback)
        return entries


class ReadOnlyModelAdmin(ModelAdmin):
    """A table to look things up in. Every view of it has come through
    ``ReadOnlyAdminSite.admin_view``, which has asked who looks.
    """

    actions = None
    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/record.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return staff_trail(rows) if self.model is Event else rows

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All but bytes, which nobody can read."""
        return [
            field.name for field in self.opts.concrete_fields if not isinstance(field, BinaryField)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    def get_urls(self) -> list[URLPattern]:
        kept = {
            f"{self.opts.app_label}_{self.opts.model_name}_{view}"
            for view in ("changelist", "change")
        }
        entries = [entry for entry in super().get_urls() if entry.name in kept]
        for entry in entries:
            open_to(Level.ADMIN)(entry.callback)
        return entries


# Model → what its list shows, and what is searched.
_SHOWN: dict[type[Model], tuple[tuple[str, ...], tuple[str, ...]]] = {
    Country: (("code", "name", "region", "subregion", "income_band"), ("code", "name")),
    Place: (("id", "name", "country", "admin1", "population"), ("name", "ascii_name", "=id")),
    ListedPartnership: (
        ("id", "place_a", "place_b", "sources"),
        ("place_a__name", "place_b__name"),
    ),
    ReferenceLoad: (("name", "rows", "content_hash", "loaded_at"), ()),
    Community: (
        ("id", "name", "kind", "country", "admin1", "registered_at"),
        ("name", "local_name", "=id"),
    ),
    Membership: (
        ("id", "community", "dues_class", "standing", "started_on", "paid_through", "ended_on"),
        ("community__name",),
    ),
    Event: (
        ("id", "topic", "subject_type", "subject_id", "community_id", "recorded_at", "routed_at"),
        ("topic", "=subject_id", "=id"),
    ),
    Job: (
        ("id", "task", "key", "status", "attempts", "available_at", "finished_at"),
        ("task", "key", "=id"),
    ),
    ScheduledTick: (("schedule", "due_at", "opened_at"), ("schedule",)),
    Heartbeat: (("name", "beat_at"), ("name",)),
    ScoringRun: (
        ("id", "status", "reason", "pairs_scored", "suggestions_made", "begun_at", "finished_at"),
        ("=id",),
    ),
    ScoringShard: (("id", "run_id", "index", "pairs_scored", "seconds", "done_at"), ("=run__id",)),
    CurrentRun: (("id", "run_id", "flipped_at"), ()),
    WeightSet: (
        ("id", "source", "decisions", "in_force", "created_at", "promoted_at"),
        ("source",),
    ),
}

admin_site = ReadOnlyAdminSite(name="admin")
for _model, (_columns, _searched) in _SHOWN.items():
    _options = {
        "list_display": _columns,
        "search_fields": _searched,
        "ordering": ("-pk",),
        "list_select_related": True,
    }
    admin_site.register(_model, ReadOnlyModelAdmin, **_options)
