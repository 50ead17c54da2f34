"""The guide: its pages, and what the service promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from backend.common.errors import NotVisible
from backend.web.access import Level, open_to
from backend.web.help.answers import GUIDE, GuideAnswer, Passage, Step, write
from backend.web.html.words import WORDS, Explainer

STATEMENTS: tuple[GuideAnswer, ...] = (
    GuideAnswer(
        "privacy",
        _("Privacy"),
        [
            Passage(
                [],
                [
                    _("Your account: e-mail address, name, language, and how you sign in."),
                    _(
                        "What you do here, with the time: you and, in part, your colleagues can "
                        "read it."
                    ),
                    _("A community's profile, letters, contacts, votes, answers and agreements."),
                    _("What you write to staff or to an organisation, and the answer."),
                    _(
                        "The network address of your device, to end a session that is not yours "
                        "and to hold off machines."
                    ),
                ],
                heading=_("What we keep"),
            ),
            Passage(
                [],
                [
                    _(
                        "Everybody: the public part of a published profile. Each question says who "
                        "will see the answer."
                    ),
                    _("Suggested partners: what the form marks for them."),
                    _(
                        "Staff: letters, and messages to them. Who reads a letter or contacts "
                        "leaves a trace."
                    ),
                    _(
                        "Your answer to a suggestion stays secret until both sides are interested. "
                        "Contacts are shown when both sides consent, and no longer than that."
                    ),
                    _(
                        "A message to an organisation goes to its people. They see your name if "
                        "you give it, not your address."
                    ),
                ],
                heading=_("Who sees it"),
            ),
            Passage(
                [
                    _(
                        "There is no advertising, no counting by third parties, and nothing is "
                        "loaded from elsewhere. Cookies keep you signed in, keep forms safe, and "
                        "remember your language."
                    )
                ],
                heading=_("What we do not do"),
            ),
            Passage(
                [
                    _(
                        "In your account you can download your data and close the account. Then "
                        "your name, address, messages and comments are deleted; what you did for a "
                        "community stays, as done by somebody who has left. For anything else, and "
                        "without an account, write to staff."
                    )
                ],
                heading=_("Your rights"),
            ),
        ],
        [
            Step(_("Download your data or close your account"), "web:account_data"),
            write(_("Write to staff about privacy"), "privacy"),
        ],
    ),
    GuideAnswer(
        "terms",
        _("Terms of use"),
        [
            Passage(
                [],
                [
                    _(
                        "Register a community only if you work for it, hold an office in it, or "
                        "work directly with somebody who does. Staff check it."
                    ),
                    _("Say what is true, and write only what you may publish."),
                    _(
                        "Where a community is registered, or has an organisation, join its people. "
                        "Nobody starts a second one beside it."
                    ),
                    _("Do not send advertising, and do not pass on contacts that you read here."),
                    _("Your password, and your tokens for the API, are for you alone."),
                ],
                heading=_("What we ask of you"),
            ),
            Passage(
                [],
                [
                    _(
                        "A suggestion compares what two profiles say. It is no recommendation, and "
                        "nobody has to accept it."
                    ),
                    _(
                        "Facts come from public sources that each page names, and may be wrong. "
                        "Tell us, and we correct them."
                    ),
                    _("Staff never answer, consent or sign for a community."),
                    _(
                        "Staff can send a profile back, or keep it from being published, and say "
                        "why."
                    ),
                ],
                heading=_("What you can expect"),
            ),
            Passage(
                [
                    _(
                        "What is public here you may read and quote. For lists from Wikipedia and "
                        "other sources their licences hold: see “Data and sources”."
                    )
                ],
                heading=_("Using what is here"),
            ),
        ],
        [Step(_("Data and sources"), "web:sources"), write(_("Ask staff"), "question")],
    ),
    GuideAnswer(
        "accessibility",
        _("Accessibility"),
        [
            Passage(
                [
                    _(
                        "Everybody should be able to use this service: with a keyboard, a screen "
                        "reader, large text, a small screen, a slow line, and without JavaScript. "
                        "We follow WCAG 2.2, level AA."
                    ),
                    _(
                        "Public pages are checked in a real browser with axe, at 320 and 1280 "
                        "pixels, whenever the service changes."
                    ),
                ]
            ),
            Passage(
                [],
                [
                    _("Wide tables scroll sideways within their box on a narrow screen."),
                    _("Maps are pictures; the same is in a table or in words beside them."),
                    _("PDF files are for printing. The same content is on a page."),
                    _(
                        "Texts that communities write, and names of places, stand in their own "
                        "language. Pages for staff are in English."
                    ),
                    _("No group of people with disabilities has tested the service yet."),
                ],
                heading=_("What is not perfect yet"),
            ),
        ],
        [write(_("Tell us what gets in your way"), "accessibility")],
    ),
)


def _parts(answer: GuideAnswer) -> Iterator[dict[str, Any]]:
    explainer = Explainer()
    for part in answer.parts:
        yield {
            "heading": part.heading,
            "paragraphs": [explainer.html(text) for text in part.paragraphs],
            "items": [explainer.html(text) for text in part.items],
            "is_ordered": part.is_ordered,
        }


def _answer_page(
    request: HttpRequest, found: GuideAnswer, following: GuideAnswer | None
) -> HttpResponse:
    context = {"answer": found, "parts": list(_parts(found)), "following": following}
    return render(request, "help/guide.html", context)


@open_to(Level.PUBLIC)
@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """All questions, and all words."""
    words = sorted(WORDS.items(), key=lambda item: str(item[1][0]).casefold())
    return render(
        request,
        "help/guide.html",
        {"answers": GUIDE, "statements": STATEMENTS, "words": words},
    )


@open_to(Level.PUBLIC)
@require_safe
def guide_answer(request: HttpRequest, question: str) -> HttpResponse:
    for index, answer in enumerate(GUIDE):
        if answer.code == question:
            return _answer_page(request, answer, GUIDE[(index + 1) % len(GUIDE)])
    raise NotVisible


@open_to(Level.PUBLIC)
@require_safe
def statement(request: HttpRequest) -> HttpResponse:
    """Privacy, terms or accessibility, by the name of the address."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    (found,) = [answer for answer in STATEMENTS if answer.code == name]
    return _answer_page(request, found, None)
