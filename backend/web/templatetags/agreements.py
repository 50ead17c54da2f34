"""Words for what is kept as codes and ISO days in agreements and in the account of why a pair came together."""

from __future__ import annotations

import datetime as dt

from django import template
from django.db.models import Q
from django.utils.formats import date_format

from backend.introductions.models import Agreement, Form
from backend.suggestions.models import Decision, Vote

register = template.Library()


@register.filter
def form_label(code: str) -> str:
    return str(dict(Form.choices).get(code, code))


@register.filter
def answer_label(code: str) -> str:
    return str(dict(Decision.Answer.choices).get(code, code))


@register.filter
def choice_label(code: str) -> str:
    return str(dict(Vote.Choice.choices).get(code, code))


@register.filter
def iso_day(text: str | None) -> str:
    """ "2026-03-01T09:00:00+00:00" or "2026-03-01" as a day in the reader's language; nothing stays nothing."""
    return date_format(dt.date.fromisoformat(text[:10])) if text else ""


@register.simple_tag
def offered_agreements(introduction_id: int) -> list[Agreement]:
    """The agreements of an introduction that both sides may read; the page has checked who reads."""
    return list(Agreement.objects.filter(introduction_id=introduction_id, offered_number__isnull=False).order_by("-id"))


@register.simple_tag
def agreements_to_sign(community_id: int) -> list[Agreement]:
    """What waits for that side's confirmation; the page has checked who reads."""
    sides = Q(introduction__pair__a_id=community_id) | Q(introduction__pair__b_id=community_id)
    waiting = Agreement.objects.filter(sides, status=Agreement.Status.SIGNING).exclude(signatories__community_id=community_id)
    return list(waiting.select_related("introduction__pair__a", "introduction__pair__b").order_by("id"))
