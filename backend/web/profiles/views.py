"""My profile: the sixteen groups, one topic a page, and the contacts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.cities.drafts import (
    SOURCES,
    Answers,
    DraftConflict,
    answer_at,
    changed_answers,
    open_data,
)
from backend.cities.models import Community, Contact, Profile
from backend.cities.models.communities import NOT_OURS
from backend.cities.partner_places import place_choices
from backend.cities.permissions import Reader
from backend.cities.profile_schema import GROUP_BY_CODE, Group
from backend.cities.profile_validation import valid_part
from backend.cities.queries import WALK, own_claims, partners_to_offer, progress_of, rows_of_listed
from backend.cities.services import (
    ContactEntry,
    break_glass,
    draft_errors,
    read_contacts,
    replace_contacts,
    save_draft,
)
from backend.common.errors import InvalidFields, NotVisible
from backend.web.access import Level, open_to
from backend.web.html.base import current_reader, current_user
from backend.web.profiles.forms import AskedField, BreakGlassForm, ask, read_group
from backend.web.profiles.outlook import freshness_words, outlook_of
from backend.web.profiles.presentation import DescribedAnswer, describe, form_line


def own_profile(reader: Reader, verb: Verb = Verb.READ) -> Profile:
    """The community's profile with its draft. Raises NotVisible unless the reader may do ``verb``
    with it.
    """
    community_id = reader.require(verb, Resource.DRAFT)
    return Profile.objects.select_related(
        "community__country", "community__place__country", "current_version"
    ).get(community_id=community_id)


@open_to(Level.COMMUNITY)
@require_safe
def overview(request: HttpRequest, community_id: int) -> HttpResponse:
    reader = current_reader(request)
    profile = own_profile(reader)
    context = {
        "profile": profile,
        "community": profile.community,
        "progress": progress_of(profile),
        "outlook": outlook_of(profile),
        "freshness": freshness_words(profile),
        "notes": profile.vetting_notes.select_related("by").order_by("-id")[:3],
        "letters": profile.letters.order_by("-id"),
        "picture": getattr(profile.community, "picture", None),
        "may_show_picture": reader.may(Verb.UPDATE, Resource.PICTURE),
        "shows_sample": profile.community.is_sample,
    }
    return render(request, "profiles/overview.html", context)


def _asked(
    profile: Profile, group: Group, answers: Mapping[str, Any], *, with_errors: bool
) -> list[AskedField]:
    draft = {**profile.draft, group.code: answers}
    errors = valid_part(draft, profile.community)[1] if with_errors else {}
    sources = open_data(profile.community)
    partners = answers.get("existing")
    rows = [row for row in partners if isinstance(row, dict)] if isinstance(partners, list) else []
    places = place_choices(profile.community, rows) if rows else []

    def asked(name: str) -> str:
        return form_line(profile.draft, f"{group.code}.{name}", sources)

    return [
        ask(
            question,
            answers.get(question.name),
            errors.get(f"{group.code}.{question.name}", []),
            asked(question.name),
            places if question.name == "existing" else (),
        )
        for question in group.fields
    ]


def _neighbour(group: Group, step: int) -> Group | None:
    index = WALK.index(group) + step
    return WALK[index] if 0 <= index < len(WALK) else None


def _group_context(profile: Profile, group: Group, fields: list[AskedField]) -> dict[str, Any]:
    progress = progress_of(profile)
    return {
        "profile": profile,
        "community": profile.community,
        "group": group,
        "fields": fields,
        "wrong": [field for field in fields if field.errors],
        "previous": _neighbour(group, -1),
        "next": _neighbour(group, 1),
        "position": WALK.index(group) + 1,
        "progress": progress,
        "outlook": outlook_of(profile),
        "seen": json.dumps(profile.draft.get(group.code) or {}, ensure_ascii=False),
        "to_confirm": any(
            topic.group is group and topic.state == "to_confirm" for topic in progress.topics
        ),
        "claims": list(own_claims(profile.community_id).exclude(status=NOT_OURS))
        if group.code == "partnerships"
        else [],
        "offered_partners": partners_to_offer(profile.community, profile.draft)
        if group.code == "partnerships"
        else [],
        "shows_sample": profile.community.is_sample,
    }


def _group(code: str) -> Group:
    if code not in GROUP_BY_CODE:
        raise NotVisible
    return GROUP_BY_CODE[code]


def _revision(request: HttpRequest) -> int:
    """The draft's revision that the page was made from; -1, which collides with every change, where
    a page was tampered with.
    """
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _seen(request: HttpRequest, profile: Profile, group: Group) -> dict[str, Any]:
    """The topic's answers as the page was opened with them; those of the draft where the page does
    not say.
    """
    try:
        seen = json.loads(request.POST.get("seen", ""))
    except ValueError:
        seen = None
    return seen if isinstance(seen, dict) else profile.draft.get(group.code) or {}


def _changes(request: HttpRequest, profile: Profile, group: Group) -> dict[str, dict[str, Any]]:
    """What the person changed on the page: answers that somebody else changed meanwhile, and they
    did not, stay as they are.
    """
    posted = read_group(group, request.POST)
    if "existing" in posted:
        draft = {group.code: posted}
        posted["existing"] = [
            *posted["existing"],
            *rows_of_listed(profile.community, draft, request.POST.getlist("add_listed")),
        ]
    changed = changed_answers({group.code: _seen(request, profile, group)}, {group.code: posted})
    return {group.code: {path.split(".", 1)[1]: value for path, value in changed.items()}}


def _looked_at(group: Group) -> list[str]:
    return [path for path in SOURCES if path.startswith(f"{group.code}.")]


def _with_defaults(group: Group, answers: Mapping[str, Any]) -> Mapping[str, Any]:
    """A story is most likely written in the language that its author reads the page in."""
    return (
        {"language": (get_language() or "en").split("-")[0], **answers}
        if group.code == "story"
        else answers
    )


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def group_page(request: HttpRequest, community_id: int, group: str) -> HttpResponse:
    """Saving by the page's button also confirms the open data on it."""
    user, topic = current_user(request), _group(group)
    if request.method != "POST":
        profile = own_profile(current_reader(request), Verb.UPDATE)
        answers = _with_defaults(topic, profile.draft.get(topic.code) or {})
        show_errors = any(
            draft_errors(profile).keys() & {f"{topic.code}.{field.name}" for field in topic.fields}
        )
        fields = _asked(profile, topic, answers, with_errors=show_errors)
        return render(request, "profiles/group.html", _group_context(profile, topic, fields))
    changes = _changes(request, own_profile(current_reader(request), Verb.UPDATE), topic)
    try:
        save_draft(
            by=user,
            community_id=community_id,
            changes=changes,
            revision=_revision(request),
            confirm=_looked_at(topic),
        )
    except DraftConflict as conflict:
        return _conflict_page(
            request,
            own_profile(current_reader(request), Verb.UPDATE),
            topic,
            changes[topic.code],
            conflict,
        )
    profile = own_profile(current_reader(request), Verb.UPDATE)
    fields = _asked(profile, topic, profile.draft.get(topic.code) or {}, with_errors=True)
    if any(field.errors for field in fields):
        return render(
            request, "profiles/group.html", _group_context(profile, topic, fields), status=422
        )
    return _after_saving(request, community_id, topic)


def _after_saving(request: HttpRequest, community_id: int, group: Group) -> HttpResponse:
    following = _neighbour(group, 1)
    if "more" in request.POST or "move" in request.POST:  # the page again, at the same question
        asked = (request.POST.get("more") or request.POST.get("move", "")).partition(".")[0]
        here = f"#{asked}" if asked in {question.name for question in group.fields} else ""
        return redirect(reverse("web:profile_group", args=[community_id, group.code]) + here)
    if "preview" in request.POST:
        return redirect("web:profile_preview", community_id)
    if "next" in request.POST and following is not None:
        return redirect("web:profile_group", community_id, following.code)
    if "next" in request.POST:
        return redirect("web:profile_check", community_id)
    messages.success(request, _("“%(group)s” is saved.") % {"group": group.label})
    return redirect("web:profile", community_id)


@open_to(Level.COMMUNITY)
@require_POST
def autosave(request: HttpRequest, community_id: int, group: str) -> HttpResponse:
    """Saves while people write: answers a line of text, the new revision and the profile's present
    state; never moves the page.
    """
    user, topic = current_user(request), _group(group)
    changes = _changes(request, own_profile(current_reader(request), Verb.UPDATE), topic)
    try:
        save_draft(by=user, community_id=community_id, changes=changes, revision=_revision(request))
    except DraftConflict:
        return render(request, "profiles/autosaved.html", {"conflict": True})
    profile = own_profile(current_reader(request), Verb.UPDATE)
    context = {
        "profile": profile,
        "community": profile.community,
        "seen": json.dumps(profile.draft.get(topic.code) or {}, ensure_ascii=False),
        "outlook": outlook_of(profile),
        "progress": progress_of(profile),
    }
    return render(request, "profiles/autosaved.html", context)


def _shown(profile: Profile, group: Group, name: str, value: Any) -> DescribedAnswer | None:
    document = {group.code: {name: value}}
    described = describe(document, profile.community, reader="staff", by_owner=True)
    return described[0].answers[0] if described and described[0].answers else None


def _conflict_page(
    request: HttpRequest,
    profile: Profile,
    group: Group,
    mine: Mapping[str, Any],
    conflict: DraftConflict,
) -> HttpResponse:
    """Each answer that both changed with both values, to choose from; what only this person changed
    is kept with it.
    """
    rows = [
        {
            "name": field.name,
            "label": field.label,
            "yours": _shown(profile, group, field.name, mine.get(field.name)),
            "theirs": _shown(
                profile, group, field.name, answer_at(profile.draft, f"{group.code}.{field.name}")
            ),
        }
        for field in group.fields
        if f"{group.code}.{field.name}" in conflict.collisions
    ]
    context = {
        "profile": profile,
        "community": profile.community,
        "group": group,
        "rows": rows,
        "mine": json.dumps(dict(mine), ensure_ascii=False),
        "others": [
            field.label
            for field in group.fields
            if field.name in mine and f"{group.code}.{field.name}" not in conflict.collisions
        ],
        "shows_sample": profile.community.is_sample,
    }
    return render(request, "profiles/conflict.html", context, status=409)


@open_to(Level.COMMUNITY)
@require_POST
def settle(request: HttpRequest, community_id: int, group: str) -> HttpResponse:
    """The choice between two editors' answers. A third save in the meantime asks again."""
    user, topic = current_user(request), _group(group)
    mine = _own_answers(request, topic)
    undecided = request.POST.getlist("asked")
    kept = {
        name: value
        for name, value in mine.items()
        if name not in undecided or request.POST.get(f"keep.{name}") == "mine"
    }
    open_still = [
        name for name in undecided if request.POST.get(f"keep.{name}") not in ("mine", "theirs")
    ]
    profile = own_profile(current_reader(request), Verb.UPDATE)
    if open_still:
        collisions = {
            f"{topic.code}.{name}": (
                mine.get(name),
                answer_at(profile.draft, f"{topic.code}.{name}"),
            )
            for name in undecided
        }
        messages.error(request, _("Choose one of the two for every answer. Nothing is saved yet."))
        return _conflict_page(
            request, profile, topic, mine, DraftConflict(profile.draft_revision, collisions)
        )
    try:
        save_draft(
            by=user,
            community_id=community_id,
            changes={topic.code: kept},
            revision=_revision(request),
        )
    except DraftConflict as conflict:
        return _conflict_page(
            request, own_profile(current_reader(request), Verb.UPDATE), topic, kept, conflict
        )
    messages.success(request, _("“%(group)s” is saved as you chose.") % {"group": topic.label})
    return redirect(reverse("web:profile_group", args=[community_id, topic.code]))


def _own_answers(request: HttpRequest, group: Group) -> Answers:
    try:
        mine = json.loads(request.POST.get("mine", ""))
    except ValueError:
        mine = None
    if not isinstance(mine, dict) or mine.keys() - {field.name for field in group.fields}:
        raise InvalidFields(
            {
                "mine": [
                    _("The page did not send back your answers whole. Go back and save once more.")
                ]
            }
        )
    return mine


_PARTS = ("name", "office", "email", "phone")
_SPARE_ROWS = 2
_MOST_ROWS_READ = 50


def _posted(post: QueryDict) -> list[ContactEntry]:
    """The rows that hold something, in their order."""
    rows = [
        {part: post.get(f"{part}.{index}", "").strip() for part in _PARTS}
        for index in range(_MOST_ROWS_READ)
    ]
    return [
        ContactEntry(name=r["name"], office=r["office"], email=r["email"], phone=r["phone"])
        for r in rows
        if any(r.values())
    ]


def _rows(
    contacts: Sequence[ContactEntry], errors: Mapping[str, list[str]]
) -> list[dict[str, object]]:
    """Each row's fields with value and errors, and some empty rows behind them."""
    labels = {"name": _("Name"), "office": _("Office"), "email": _("E-mail"), "phone": _("Phone")}
    empty = ContactEntry(name="", office="", email="", phone="")
    return [
        {
            "fields": [
                {
                    "id": f"{part}.{index}",
                    "label": labels[part],
                    "value": row[part],  # type: ignore[literal-required]
                    "errors": errors.get(f"contacts.{index}.{part}", []),
                }
                for part in _PARTS
            ]
        }
        for index, row in enumerate([*contacts, *([empty] * _SPARE_ROWS)])
    ]


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def own_contacts(request: HttpRequest, community_id: int) -> HttpResponse:
    user = current_user(request)
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        shown = _posted(request.POST)
        try:
            replace_contacts(by=user, community_id=community_id, contacts=shown)
        except InvalidFields as invalid:
            errors = invalid.errors
        else:
            messages.success(
                request,
                _(
                    "The contacts are saved. Nobody else sees them before both sides of an "
                    "introduction consent."
                ),
            )
            return redirect("web:profile_contacts", community_id)
    else:
        contacts = read_contacts(by=user, community_id=community_id)
        shown = [
            ContactEntry(name=c.name, office=c.office, email=c.email, phone=c.phone)
            for c in contacts
        ]
    community = Community.objects.get(pk=community_id)
    context = {
        "community": community,
        "rows": _rows(shown, errors),
        "errors": errors,
        "shows_sample": community.is_sample,
    }
    return render(request, "profiles/contacts.html", context, status=422 if errors else 200)


@open_to(Level.STAFF)
@cache_control(no_store=True, private=True)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True, enabled=lambda request: request.user.is_admin)
def staff_contacts(request: HttpRequest, community_id: int) -> HttpResponse:
    """A community's contacts for staff, who leave a trace by reading them: curators in their work,
    administrators by a reason, after a fresh sign-in.
    """
    user = current_user(request)
    form = BreakGlassForm(request.POST or None)
    contacts: list[Contact] | None = None
    if request.method == "POST":
        if form.is_done(break_glass, by=user, community_id=community_id):
            contacts = form.result
    elif not current_reader(request).may(Verb.ACT, Resource.CONTACTS_BEFORE_CONSENT):
        contacts = read_contacts(by=user, community_id=community_id)
    community = get_object_or_404(Community, pk=community_id)
    context = {
        "community": community,
        "contacts": contacts,
        "asks_reason": contacts is None,
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "profiles/staff_contacts.html", context, status=status)
