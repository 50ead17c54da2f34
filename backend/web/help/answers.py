"""The answers of the guide, one page each.

A text marks a word as ``[[code|as it stands here]]``; the page explains it at the word
(``html.words``). Every page ends in its next step in the service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backend.web.html.words import Text


@dataclass(frozen=True, slots=True)
class Step:
    """A link to what one does next. ``arguments`` are those of the address after the "?"."""

    label: Text
    view: str
    arguments: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        query = f"?{urlencode(self.arguments)}" if self.arguments else ""
        return reverse(self.view, args=self.path) + query


@dataclass(frozen=True, slots=True)
class Passage:
    """Paragraphs, and a list below them, under a heading where there is one."""

    paragraphs: Sequence[Text]
    items: Sequence[Text] = ()
    heading: Text = ""
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class GuideAnswer:
    code: str
    question: Text
    parts: Sequence[Passage]
    steps: Sequence[Step]
    searches: bool = False  # begins with a search for a city


def write(label: Text, topic: str) -> Step:
    return Step(label, "web:contact", (("topic", topic),))


_REGISTER = Step(_("Register your community"), "web:register")
_SEEKING = Step(_("See who is seeking partners"), "web:seeking")
_HOW = Step(_("How this service works"), "web:about")
_SHARED_TIES = (
    _("mayors who know each other"),
    _("trade between companies of both places"),
    _("a common history"),
    _("families whose roots are in the other place"),
    _("people from there who live here"),
    _("a challenge that both have, such as floods or a port"),
    _("congregations of one faith"),
    _("one person's story: a year of study, work abroad, a marriage"),
)

GUIDE: tuple[GuideAnswer, ...] = (
    GuideAnswer(
        "find",
        _("Which partners does my city have?"),
        [
            Passage(
                [
                    _(
                        "Type its name. The directory shows partnerships that were signed here, "
                        "those that a city states itself and staff have confirmed, and those that "
                        "public lists name."
                    ),
                    _(
                        "[[unknown|Status unknown]] means that the partner comes from a public "
                        "list, and neither city has told us whether the partnership is alive."
                    ),
                ]
            )
        ],
        [
            Step(_("Open the directory"), "web:directory"),
            write(_("A partner is missing or wrong"), "partners"),
        ],
        searches=True,
    ),
    GuideAnswer(
        "beginnings",
        _("How do partnerships begin?"),
        [
            Passage(
                [_("Mostly with something that two places have in common already:")], _SHARED_TIES
            ),
            Passage(
                [
                    _(
                        "A [[profile|profile]] here asks for such ties, and a suggestion names "
                        "those that two communities have. You can begin without any: suggestions "
                        "start from what each side needs and offers."
                    )
                ]
            ),
        ],
        [_SEEKING, _HOW],
    ),
    GuideAnswer(
        "organisations",
        _("Who runs a partnership programme?"),
        [
            Passage(
                [
                    _(
                        "In each city an [[organisation|organisation]] of its own, which decides "
                        "for itself what it works on: city government, business, trade, education "
                        "or culture."
                    ),
                    _(
                        "It may be a group of volunteers, the mayor's or another office of the "
                        "city, a museum, a cultural centre or a chamber of commerce, or several of "
                        "them together. From six people to many hundreds take part."
                    ),
                    _(
                        "In the United States most are [[nonprofit|nonprofits]]. A board or a "
                        "commission leads, [[committee|committees]] do the work, and the city "
                        "often has a seat or an agreement with them."
                    ),
                    _(
                        "Where the city itself is the contact, look in the mayor's office, or in "
                        "the offices for tourism, international affairs, protocol or economic "
                        "development."
                    ),
                ]
            )
        ],
        [
            Step(_("See how a community is organised: open its page"), "web:search"),
            Step(_("How to take part"), "web:guide_answer", path=("take-part",)),
        ],
    ),
    GuideAnswer(
        "take-part",
        _("How can I take part in my city?"),
        [
            Passage(
                [
                    _(
                        "Find your community and open its page. There you see its open meetings "
                        "and whom it looks for. “I would like to help” brings your message to its "
                        "organisation; neither side's address is shown."
                    ),
                    _("Most committees meet regularly, and most of these meetings are open."),
                    _(
                        "If your city is not here, ask the town clerk, the mayor's office or the "
                        "office for international affairs whether it has a programme. Or ask us."
                    ),
                ]
            )
        ],
        [
            Step(_("Find your community"), "web:search"),
            write(_("Ask us where you can help"), "volunteer"),
        ],
    ),
    GuideAnswer(
        "new-partnership",
        _("How do we start a new partnership?"),
        [
            Passage(
                [
                    _(
                        "A partnership is [[recognised|recognised]] when the highest elected or "
                        "appointed official of both places has signed an agreement. Many cities "
                        "have rules of their own besides."
                    )
                ],
                [
                    _("Talk to your city's organisation first: it knows how your city decides."),
                    _("Ask the mayor or the city government whether they want a new partner."),
                    _(
                        "Register your community and publish its profile. You get suggestions, "
                        "with reasons for both sides."
                    ),
                    _("When both sides are interested, staff introduce you."),
                    _("You meet, plan the first year, and sign."),
                ],
                is_ordered=True,
            )
        ],
        [_REGISTER, _HOW],
    ),
    GuideAnswer(
        "abroad",
        _("We are a city outside the United States. How do we find a U.S. partner?"),
        [
            Passage(
                [
                    _(
                        "Register, if you work for the municipality, hold an elected office, or "
                        "work directly with somebody who does. Staff check this before anything is "
                        "published: they read a letter and the name of your highest official."
                    ),
                    _(
                        "Your profile says what you need and what you offer. U.S. communities can "
                        "read it, and both sides get suggestions that fit both. When both are "
                        "interested, staff introduce you. You need not be a [[member|member]]."
                    ),
                ]
            )
        ],
        [
            _REGISTER,
            Step(_("See U.S. communities that seek partners"), "web:seeking", (("country", "US"),)),
        ],
    ),
    GuideAnswer(
        "new-organisation",
        _("How do we set up an organisation for our city?"),
        [
            Passage(
                [
                    _(
                        "First look whether there is one: search here and on the web, and ask at "
                        "city hall. If there is, talk to its people before you start a partnership "
                        "or a second organisation beside it."
                    ),
                    _(
                        "If there is none, do not start alone. A committee with people from all "
                        "over the city lasts longer."
                    ),
                    _(
                        "Then tell us. You see how many others have asked for the same city, and "
                        "staff help you to find each other."
                    ),
                ]
            )
        ],
        [
            Step(_("Start here: is there an organisation?"), "web:organisation_start"),
            write(_("Ask staff"), "organisation"),
        ],
    ),
    GuideAnswer(
        "money",
        _("Is there money for projects?"),
        [
            Passage(
                [
                    _(
                        "This service has no money to give, and the network does not pay for "
                        "projects that it did not ask for."
                    ),
                    _(
                        "Member organisations that pay their [[dues|dues]] can get grants when "
                        "there are some. Most are for one region or one kind of project and have "
                        "their own conditions. Members are told when one opens."
                    ),
                ]
            )
        ],
        [
            write(_("Ask staff what is open now"), "membership"),
            Step(_("About membership"), "web:guide_answer", path=("membership",)),
        ],
    ),
    GuideAnswer(
        "membership",
        _("Can cities outside the United States be members?"),
        [
            Passage(
                [
                    _(
                        "Yes, as a [[global_member|Global Member]]. Its partnerships all over the "
                        "world can stand in the directory, and it can use what the network offers "
                        "its members. A community in the United States is a [[member|member]]."
                    ),
                    _(
                        "[[dues|Dues]] go by population, in four classes: under 25,000; under "
                        "100,000; under 500,000; larger. When they are not paid the membership "
                        "lapses: it is shown as lapsed, and its partnerships leave the directory "
                        "until it is renewed."
                    ),
                ]
            )
        ],
        [
            Step(_("What membership gives, and how to ask for it"), "web:membership"),
            Step(_("Directory of members"), "web:members"),
            Step(
                _("See the partnerships of Global Members"), "web:directory", (("kind", "global"),)
            ),
        ],
    ),
    GuideAnswer(
        "not-listed",
        _("Why is one of our partners not in the directory?"),
        [
            Passage(
                [
                    _(
                        "The directory lists the partnerships of [[member|members]] whose dues are "
                        "paid. Others may exist and be alive; they are just not listed. The public "
                        "lists that we use have gaps and mistakes too."
                    ),
                    _(
                        "If a partner is missing or wrong, tell us. An official can also state it "
                        "in the community's profile; staff confirm it."
                    ),
                ]
            )
        ],
        [
            write(_("A partner is missing or wrong"), "partners"),
            Step(_("About membership"), "web:guide_answer", path=("membership",)),
        ],
    ),
    GuideAnswer(
        "sister-or-friendship",
        _("Sister city or friendship city: what is the difference?"),
        [
            Passage(
                [
                    _(
                        "Not everybody uses the words alike. Mostly a [[friendship|friendship "
                        "city]] is less formal and often the first stage. When both places are "
                        "sure that they want to stay together, they become [[sister|sister "
                        "cities]]."
                    ),
                    _(
                        "Here an agreement says which it is: friendship, sister city, for a fixed "
                        "term, or for one project. A profile says which of them a community seeks."
                    ),
                ]
            )
        ],
        [
            _SEEKING,
            Step(_("How to start a partnership"), "web:guide_answer", path=("new-partnership",)),
        ],
    ),
)
