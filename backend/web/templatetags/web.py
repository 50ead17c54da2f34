"""Filters and tags for templates."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any
from urllib.parse import urlencode

from babel.numbers import format_percent
from django import template
from django.conf import settings
from django.db.models import Q
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.cities.models import Profile
from backend.cities.names import fold
from backend.cities.profile_schema import FORMS, PARTNERSHIP_STATUS
from backend.cities.services.tickets import tickets_waiting as count_waiting_tickets
from backend.cities.vetting import first_approval_of, without_a_profile
from backend.cities.vocabularies import label
from backend.common.formatting import comma_list
from backend.common.local_times import zone_of
from backend.introductions.models import Agreement, AgreementType
from backend.outbox.topics import topic_words
from backend.suggestions.models import Decision, Vote
from backend.web.html.languages import direction
from backend.web.html.words import explained

LIST_SOURCES: Mapping[str, str] = {
    "wikipedia2023": "Wikipedia 2023",
    "wikipedia2023b": "Wikipedia 2023",
    "wikipedia2026": "Wikipedia 2026",
    "wikidata2016": "Wikidata 2016",
    "wikidata2017_eu": "Wikidata 2017",
}


register = template.Library()

_IN_SCRIPT = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}
_ICONS = {
    "note": '<path d="M12 8v5M12 16.2v.1M12 3.5l9 16.5H3z"/>',
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A line icon. Decoration only: the words beside it carry the meaning."""
    drawing = mark_safe(_ICONS[name])  # noqa: S308 - from the table above
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>',
        drawing,
    )


# Which colour the tag of a status has; a status that is not named here has a plain one.
_TAG_TONES = {
    "published": "tag-good",
    "in_force": "tag-good",
    "fixed": "tag-good",
    "good": "tag-good",
    "new": "tag-good",
    "signing": "tag-a",
    "proposed": "tag-a",
    "changed": "tag-b",
    "watch": "tag-sample",
    "changes_requested": "tag-wrong",
    "stale": "tag-wrong",
    "silent": "tag-wrong",
    "look": "tag-wrong",
    "error": "tag-wrong",
}


@register.simple_tag(takes_context=True)
def again(context: template.Context, name: str) -> str:
    """The words of a block of the page that were shown before, such as its title, on one line."""
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    block = blocks.get_block(name) if blocks is not None else None
    return unescape(" ".join(block.render(context).split())) if block is not None else ""


@register.filter
def json_ld(data: Any) -> SafeString:
    """Data for machines, as a script that no browser runs; safe in HTML whatever people wrote."""
    text = json.dumps(data, ensure_ascii=False).translate(_IN_SCRIPT)
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(text))  # noqa: S308


@register.filter
def tag_tone(status: str) -> str:
    """The CSS class of a status, a level of health, or the outcome of a row of an import."""
    return _TAG_TONES.get(status, "")


@register.filter
def note_tone(level: str) -> str:
    """The CSS class of a message's box, from the name of the message's level."""
    return {"success": "note-good", "warning": "note-mark", "error": "note-wrong"}.get(level, "")


@register.filter
def dots(weight: int) -> str:
    """A weight from 0 to 3 as full and empty dots: 2 → "●●○"."""
    return "●" * weight + "○" * (3 - weight)


@register.filter
def button_class(tags: Iterable[str] | None) -> str:
    """The CSS class of one of django-allauth's buttons, from the tags that it gives them."""
    if "delete" in (tags or ()):
        return "button-warn"
    return "button-second" if "outline" in (tags or ()) else ""


@register.filter
def term(code: str, vocabulary: str) -> str:
    """The words for a vocabulary code."""
    return label(vocabulary, code)


@register.filter
def choice_words(code: str, choices: str) -> str:
    """The words for a code of one of the profile's closed lists: ``forms`` or
    ``partnership_status``. Empty for none.
    """
    return str({"forms": FORMS, "partnership_status": PARTNERSHIP_STATUS}[choices].get(code, ""))


@register.filter
def percent(value: float | None) -> str:
    """0.724 → "72%", in German and French with a space before the sign; nothing → "–"."""
    language = (get_language() or "en").split("-")[0]
    return "–" if value is None else str(format_percent(round(value, 2), locale=language))


register.filter(topic_words)


@register.filter
def listed(words: Iterable[object]) -> str:
    """Words one after the other, with the comma of the reader's language."""
    return comma_list(words)


@register.filter
def text_direction(language: str) -> str:
    return direction(language)


@register.filter
def map_x(longitude: float) -> str:
    """Position on world.svg (720 × 288, plate carrée, 84° N to 60° S)."""
    return f"{(longitude + 180) * 2:.1f}"


@register.filter
def map_y(latitude: float) -> str:
    return f"{(84 - latitude) * 2:.1f}"


@register.simple_tag
def map_arc(first: Any, second: Any) -> str:
    """The path of an arc between two communities with coordinates."""
    return arc_between(first.longitude, first.latitude, second.longitude, second.latitude)


def arc_between(
    a_longitude: float, a_latitude: float, b_longitude: float, b_latitude: float
) -> str:
    """The path of an arc on world.svg, bent towards the pole, the short way round the world: over
    the edge of the map it comes in again on the other side.
    """
    x1, y1, x2, y2 = (
        (a_longitude + 180) * 2,
        (84 - a_latitude) * 2,
        (b_longitude + 180) * 2,
        (84 - b_latitude) * 2,
    )
    if abs(x2 - x1) <= _MAP_WIDTH / 2:
        return _arc(x1, y1, x2, y2)
    round_it = _MAP_WIDTH if x1 > x2 else -_MAP_WIDTH
    return _arc(x1, y1, x2 + round_it, y2) + _arc(x1 - round_it, y1, x2, y2)


_MAP_WIDTH = 720


def _arc(x1: float, y1: float, x2: float, y2: float) -> str:
    lift = min(110.0, abs(x2 - x1) * 0.35 + 12)
    return (
        f"M{x1:.1f} {y1:.1f}Q{(x1 + x2) / 2:.1f} {max(4.0, min(y1, y2) - lift):.1f} {x2:.1f} "
        f"{y2:.1f}"
    )


@register.simple_tag
def write_to_staff(topic: str, about: str, text: str = "") -> str:
    """The address of the form to staff, with what it is about, on which page, and first words."""
    known = {"topic": topic, "about": about, "text": text}
    query = urlencode({name: said for name, said in known.items() if said})
    return f"{reverse('web:contact')}?{query}"


@register.filter
def payload_words(payload: dict[str, Any]) -> str:
    """An event's payload on one line: long lists as how many they hold, a voter by name."""

    def words(name: str, value: Any) -> str:
        if name == "voter":
            return str(User.objects.filter(pk=value).first() or value)
        if isinstance(value, list | dict) and len(value) > 3:
            return ngettext("%(count)d entry", "%(count)d entries", len(value)) % {
                "count": len(value)
            }
        return str(value)

    return Truncator(
        "; ".join(f"{name}: {words(name, value)}" for name, value in payload.items())
    ).chars(300)


@register.filter
def plain_number(value: float) -> str:
    """A number for SVG: always with a point, in every language."""
    return f"{value:g}"


@register.filter
def marked(text: str, words: Iterable[str]) -> SafeString:
    """The text with each word marked that holds one of the folded ``words``."""
    parts = (
        ("<mark>{}</mark>", part) if any(word in fold(part) for word in words) else ("{}", part)
        for part in str(text).split(" ")
    )
    return mark_safe(" ".join(format_html(drawn, part) for drawn, part in parts))  # noqa: S308 - each part is escaped


@register.filter
def marked_list(entries: Iterable[tuple[str, bool]], most: int) -> SafeString:
    """The first ``most`` of (words, whether asked for) and all others that were asked for, in one
    line.
    """
    shown = [entry for number, entry in enumerate(entries) if number < most or entry[1]]
    drawn = (format_html("<mark>{}</mark>" if asked else "{}", words) for words, asked in shown)
    return mark_safe(comma_list(drawn))  # noqa: S308 - each part is escaped


@register.filter
def excerpt(text: str) -> str:
    """The beginning of a story; languages without spaces have few words."""
    return Truncator(Truncator(text).words(24)).chars(180)


@register.filter
def list_sources(tags: list[str]) -> str:
    """The public lists behind a partnership's source tags, in words, each once."""
    return ", ".join(dict.fromkeys(LIST_SOURCES.get(tag, tag) for tag in tags))


@register.filter
def form_label(code: str) -> str:
    return str(dict(AgreementType.choices).get(code, code))


@register.filter
def answer_label(code: str) -> str:
    return str(dict(Decision.Answer.choices).get(code, code))


@register.filter
def choice_label(code: str) -> str:
    return str(dict(Vote.Choice.choices).get(code, code))


@register.filter
def iso_day(text: str | None) -> str:
    """ "2026-03-01T09:00:00+00:00" or "2026-03-01" as a day in the reader's language; nothing stays
    nothing.
    """
    return date_format(dt.date.fromisoformat(text[:10])) if text else ""


@register.simple_tag
def offered_agreements(introduction_id: int) -> list[Agreement]:
    """The agreements of an introduction that both sides may read; the page has checked who
    reads.
    """
    return list(
        Agreement.objects.filter(
            introduction_id=introduction_id, offered_number__isnull=False
        ).order_by("-id")
    )


@register.simple_tag
def agreements_to_sign(community_id: int) -> list[Agreement]:
    """What waits for that side's confirmation; the page has checked who reads."""
    sides = Q(introduction__pair__a_id=community_id) | Q(introduction__pair__b_id=community_id)
    waiting = Agreement.objects.filter(sides, status=Agreement.Status.SIGNING).exclude(
        signatories__community_id=community_id
    )
    return list(
        waiting.select_related("introduction__pair__a", "introduction__pair__b").order_by("id")
    )


@register.simple_tag
def tickets_waiting() -> int:
    """How many messages wait for staff; asked by the menu of their pages alone."""
    return count_waiting_tickets()


@register.simple_tag
def word(code: str, shown: str = "") -> SafeString:
    """A word of the glossary, explained where it stands; once a page."""
    return explained(code, shown)


@register.filter
def at_home(moment: dt.datetime, zone: str) -> dt.datetime:
    """The moment on the clocks of that zone; without one, so that nothing moves it again."""
    return moment.astimezone(zone_of(zone)).replace(tzinfo=None)


@register.filter
def language_name(code: str) -> str:
    """A language of the service by its own name."""
    return dict(settings.LANGUAGES).get(code, code)


@register.filter
def clock(moment: dt.datetime) -> str:
    """The time of day by the moment's own zone, not the page's."""
    return f"{moment:%H:%M}"


@register.filter
def clock_difference(hours: float) -> str:
    """9 → "9 hours ahead"; -5.5 → "5.5 hours behind"; 0 → "the same time"."""
    if not hours:
        return _("the same time")
    words = number_format(int(abs(hours)) if hours == int(hours) else abs(hours))
    if hours > 0:
        return ngettext("%(hours)s hour ahead", "%(hours)s hours ahead", round(abs(hours)) or 2) % {
            "hours": words
        }
    return ngettext("%(hours)s hour behind", "%(hours)s hours behind", round(abs(hours)) or 2) % {
        "hours": words
    }


@register.filter
def degrees(value: float | None, signs: str) -> str:
    """Degrees with a hemisphere: ``signs`` names the positive and the negative one, "NS" or
    "EW".
    """
    return "–" if value is None else f"{abs(value):.2f}° {signs[0] if value >= 0 else signs[1]}"


@register.filter
def beside(values: Iterable[Any], owners: Iterable[Any]) -> list[tuple[Any, Any]]:
    """(owner, value) for each column of a row."""
    return list(zip(owners, values, strict=True))


@register.inclusion_tag("vetting/state.html")
def vetting_state(profile: Profile) -> dict[str, Any]:
    """What is asked, what was answered, and who waits for whom. Only for readers of the draft."""
    submitted = profile.status == Profile.Status.SUBMITTED
    return {
        "profile": profile,
        "notes": list(profile.vetting_notes.order_by("-id")),
        "first_approval": first_approval_of(profile) if submitted else None,
        "needs_two": bool(submitted and without_a_profile({profile.community.country_id})),
        "has_letter": not submitted or profile.letters.exists(),
    }
