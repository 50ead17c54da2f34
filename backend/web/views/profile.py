"""My profile: the sixteen groups, one topic a page. Wrong values stay in the draft and are shown with their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.cities.permissions import require_in
from backend.cities.profile_schema import GROUP_BY_CODE, GROUPS, Group
from backend.cities.services import draft_errors, save_draft
from backend.cities.services.registration import open_data_facts
from backend.common.errors import Conflict, NotVisible
from backend.web.forms.profile import AskedField, ask, read_group
from backend.web.presentation import FACT_SOURCES, DescribedGroup, describe


@dataclass(frozen=True, slots=True)
class GroupProgress:
    group: Group
    state: str  # done | begun | needed | empty | wrong
    url: str


def signed_in_user(request: HttpRequest) -> User:
    """The person; the access table has let nobody else in. Raises NotVisible."""
    if not isinstance(request.user, User):
        raise NotVisible
    return request.user


def own_profile(user: User, community_id: int, verb: str = "R") -> Profile:
    """The community's profile with its draft. Raises NotVisible unless the person may do ``verb`` with it."""
    require_in(user, community_id, verb, Thing.DRAFT)
    return Profile.objects.select_related("community__country", "community__place__country", "current_version").get(
        community_id=community_id
    )


def profile_progress(profile: Profile) -> list[GroupProgress]:
    """Each group with where it stands."""
    errors = draft_errors(profile)
    missing = draft_errors(profile, complete=True)
    progress = []
    for group in GROUPS:
        prefix = f"{group.code}."
        answers = profile.draft.get(group.code) or {}
        if any(path.startswith(prefix) for path in errors):
            state = "wrong"
        elif any(path.startswith(prefix) for path in missing):
            state = "begun" if answers else "needed"
        else:
            state = "done" if answers else "empty"
        progress.append(GroupProgress(group, state, reverse("web:profile_group", args=[profile.community_id, group.code])))
    return progress


@require_safe
def overview(request: HttpRequest, community_id: int) -> HttpResponse:
    profile = own_profile(signed_in_user(request), community_id)
    progress = profile_progress(profile)
    context = {
        "profile": profile,
        "community": profile.community,
        "progress": progress,
        "answered": sum(entry.state in ("done", "begun") for entry in progress),
        "notes": profile.vetting_notes.select_related("by").order_by("-id")[:3],
        "letters": profile.letters.order_by("-id"),
        "shows_sample": profile.community.is_sample,
    }
    return render(request, "web/profile/overview.html", context)


def _fact_source(community: Community, group: Group, name: str) -> str:
    if group.code != "facts" or community.place is None:
        return ""
    open_data = open_data_facts(community.place)
    if name not in open_data:
        return ""
    value = open_data[name]
    shown = (_("yes") if value else _("no")) if isinstance(value, bool) else f"{value:,}".removesuffix(".0")
    return _("Open data says: %(value)s. Source: %(source)s.") % {"value": shown, "source": FACT_SOURCES[name]}


def _asked(profile: Profile, group: Group, answers: dict[str, Any], *, with_errors: bool) -> list[AskedField]:
    errors = draft_errors(Profile(draft={**profile.draft, group.code: answers})) if with_errors else {}
    return [
        ask(
            question,
            answers.get(question.name),
            errors.get(f"{group.code}.{question.name}", []),
            _fact_source(profile.community, group, question.name),
        )
        for question in group.fields
    ]


def _neighbour(group: Group, step: int) -> Group | None:
    index = GROUPS.index(group) + step
    return GROUPS[index] if 0 <= index < len(GROUPS) else None


def _group_context(profile: Profile, group: Group, fields: list[AskedField]) -> dict[str, Any]:
    return {
        "profile": profile,
        "community": profile.community,
        "group": group,
        "fields": fields,
        "wrong": [field for field in fields if field.errors],
        "previous": _neighbour(group, -1),
        "next": _neighbour(group, 1),
        "total": len(GROUPS),
        "autosaves": True,
        "shows_sample": profile.community.is_sample,
    }


def _conflict_page(request: HttpRequest, user: User, community_id: int, group: Group, mine: dict[str, Any]) -> HttpResponse:
    """Both versions side by side; saving again from here keeps one's own."""
    profile = own_profile(user, community_id)
    theirs = profile.draft.get(group.code) or {}

    def described(answers: dict[str, Any]) -> DescribedGroup | None:
        return next(iter(describe({group.code: answers}, profile.community, public=False)), None)

    context = _group_context(profile, group, _asked(profile, group, mine, with_errors=True))
    return render(
        request, "web/profile/group.html", context | {"conflict": {"theirs": described(theirs), "mine": described(mine)}}, status=409
    )


def _group(code: str) -> Group:
    if code not in GROUP_BY_CODE:
        raise NotVisible
    return GROUP_BY_CODE[code]


def _revision(request: HttpRequest) -> int:
    """The draft's revision that the page was made from; -1, which conflicts with every draft, where a page was tampered with."""
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


@require_http_methods(["GET", "HEAD", "POST"])
def group_page(request: HttpRequest, community_id: int, group: str) -> HttpResponse:
    user, topic = signed_in_user(request), _group(group)
    if request.method != "POST":
        profile = own_profile(user, community_id, "U")
        answers = profile.draft.get(topic.code) or {}
        show_errors = any(draft_errors(profile).keys() & {f"{topic.code}.{field.name}" for field in topic.fields})
        return render(
            request, "web/profile/group.html", _group_context(profile, topic, _asked(profile, topic, answers, with_errors=show_errors))
        )
    answers = read_group(topic, request.POST)
    try:
        save_draft(by=user, community_id=community_id, changes={topic.code: answers}, revision=_revision(request))
    except Conflict:
        return _conflict_page(request, user, community_id, topic, answers)
    profile = own_profile(user, community_id, "U")
    fields = _asked(profile, topic, profile.draft.get(topic.code) or {}, with_errors=True)
    if any(field.errors for field in fields):
        return render(request, "web/profile/group.html", _group_context(profile, topic, fields), status=422)
    return _after_saving(request, community_id, topic)


def _after_saving(request: HttpRequest, community_id: int, group: Group) -> HttpResponse:
    following = _neighbour(group, 1)
    if "more" in request.POST:
        return redirect("web:profile_group", community_id, group.code)
    if "next" in request.POST and following is not None:
        return redirect("web:profile_group", community_id, following.code)
    if "next" in request.POST:
        return redirect("web:profile_check", community_id)
    messages.success(request, _("“%(group)s” is saved.") % {"group": group.label})
    return redirect("web:profile", community_id)


@require_POST
def autosave(request: HttpRequest, community_id: int, group: str) -> HttpResponse:
    """Saves while people write: answers a line of text and the new revision, never moves the page."""
    user, topic = signed_in_user(request), _group(group)
    try:
        profile = save_draft(
            by=user, community_id=community_id, changes={topic.code: read_group(topic, request.POST)}, revision=_revision(request)
        )
    except Conflict:
        return render(request, "web/profile/autosaved.html", {"conflict": True})
    return render(request, "web/profile/autosaved.html", {"profile": profile})
