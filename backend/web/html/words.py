"""Words of the field, explained where they stand. A text marks one as ``[[code|as it stands]]``."""

from __future__ import annotations

import re

from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

Text = str | Promise

# Code → the word, and what it means; in the order of the English words.
WORDS: dict[str, tuple[Text, Text]] = {
    "committee": (
        _("committee"),
        _("People of an organisation who do one kind of work, or look after one partnership."),
    ),
    "county": (
        _("county"),
        _(
            "In the United States a part of a state with a government of its own. It can have "
            "partners."
        ),
    ),
    "dues": (_("dues"), _("What a member pays for a year; how much depends on its population.")),
    "friendship": (
        _("friendship city"),
        _("A less formal partnership, often the first stage of one that is to last."),
    ),
    "global_member": (
        _("Global Member"),
        _("A community outside the United States that is a member of the network."),
    ),
    "introduction": (
        _("introduction"),
        _(
            "Staff bring together two communities that are both interested. Contacts are shown "
            "when both consent."
        ),
    ),
    "member": (_("member"), _("A community that belongs to the network and pays its dues.")),
    "nonprofit": (
        _("501(c)(3) nonprofit"),
        _("In the United States an organisation for the public good that is free of federal tax."),
    ),
    "organisation": (
        _("sister city organisation"),
        _("The independent group or office that runs a community's partnerships."),
    ),
    "profile": (
        _("profile"),
        _("What a community says about itself: needs, offers, facts, and the partner it seeks."),
    ),
    "recognised": (
        _("recognised"),
        _("The highest official of both communities has signed, and the membership rule holds."),
    ),
    "sister": (
        _("sister city"),
        _("A broad partnership for a long time between communities of two countries."),
    ),
    "unknown": (
        _("status unknown"),
        _(
            "A public list names the partnership; neither community has said anything about it "
            "here."
        ),
    ),
}

_MARKED = re.compile(r"\[\[(\w+)\|([^\]]+)\]\]")


class Explainer:
    """Puts the meaning of a word behind it, once a page: a button that opens it, without script."""

    def __init__(self) -> None:
        self.explained: set[str] = set()

    def html(self, text: Text) -> SafeString:
        escaped = str(conditional_escape(str(text)))
        return mark_safe(_MARKED.sub(self._word, escaped))  # noqa: S308 - escaped above

    def _word(self, match: re.Match[str]) -> str:
        code, shown = match.groups()
        if code in self.explained:
            return shown
        self.explained.add(code)
        return explained(code, mark_safe(shown))  # noqa: S308 - escaped above


def explained(code: str, shown: str = "") -> SafeString:
    """A word of the glossary with its meaning, shown as it is or as ``shown``."""
    word, meaning = WORDS[code]
    return format_html(
        '<button type="button" class="word" popovertarget="word-{0}">{1}</button>'
        '<span class="meaning" id="word-{0}" popover><dfn>{2}</dfn>: {3}</span>',
        code,
        shown or word,
        word,
        meaning,
    )
