"""Messages that wait for staff of the sample world: of each kind, in the languages of the service,
by people with an account and without one. All of it by the services.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.urls import reverse
from django.utils import translation

from backend.accounts.models import User
from backend.cities.models import Community, Place, Ticket
from backend.cities.sample.people import DOMAIN
from backend.cities.sample.places import COMMITTEE_AT_HOME, OFFICIAL_ABROAD, OFFICIAL_AT_HOME
from backend.cities.services.tickets import (
    answer_ticket,
    organisation_path,
    reply_to_ticket,
    take_ticket,
    token_of,
    write_ticket,
)
from backend.common.dates import database_now

_K = Ticket.Kind


@dataclass(frozen=True, slots=True)
class _Message:
    """``account``: who writes it signed in; others give their name. ``place_id``: on whose page.
    ``hours``: ago. ``answer`` is what staff wrote, ``again`` what came back.
    """

    topic: str
    language: str
    name: str
    text: str
    hours: int
    place_id: int = 0
    page: str = ""
    account: str = ""
    answer: str = ""
    closed: bool = False
    again: str = ""
    taken: bool = False


_MESSAGES = (
    _Message(
        _K.QUESTION,
        "en",
        "Wanjiru Kamau",
        "Good morning. I work in the county government here and we are not sure what comes first: "
        "do we need a decision of the assembly before we register, or is a letter of the governor "
        "enough to begin? (Sample)",
        290,
        page="about",
        answer="A letter of the governor, or of whoever is responsible for it at your county, is "
        "enough to begin. A decision of the assembly is asked for only when an agreement is "
        "signed. (Sample)",
        closed=True,
    ),
    _Message(
        _K.PARTNERS,
        "es",
        "Rosario Fuentes",
        "Buenas tardes: en la lista de ciudades hermanas de esta ciudad falta una, y otra figura "
        "dos veces con nombres distintos. ¿Les puedo enviar el acta del concejo? (Ejemplo)",
        170,
        place_id=OFFICIAL_ABROAD,
        answer="Gracias. Sí: responda en esta página con el año y el nombre de la ciudad, y diga "
        "dónde se puede leer el acta. (Ejemplo)",
        again="La ciudad es Burdeos, desde 1964. El acta está en el archivo municipal y también "
        "en su página web. (Ejemplo)",
    ),
    _Message(
        _K.MEMBERSHIP,
        "en",
        "",
        "Our dues were paid in spring but our page still says that they run out this month. Could "
        "you look into it? We need it for the council's budget meeting. (Sample)",
        75,
        place_id=OFFICIAL_AT_HOME,
        account="us.official",
        taken=True,
    ),
    _Message(
        _K.PLACE,
        "fr",
        "Élodie Marchand",
        "Notre communauté de communes n'apparaît pas dans la recherche, seulement les communes "
        "une à une. Comment l'inscrire ? (Exemple)",
        52,
        page="register",
    ),
    _Message(
        _K.ORGANISATION,
        "de",
        "Jonas Petersen",
        "Wir sind vier ehemalige Austauschschüler und würden gern einen Verein für die "
        "Städtepartnerschaft gründen. Gibt es in unserer Stadt schon jemanden, der sich darum "
        "kümmert? (Beispiel)",
        47,
    ),
    _Message(
        _K.VOLUNTEER,
        "ja",
        "森田 千夏",
        "来年の春に交換訪問があると聞きました。通訳として手伝いたいのですが、誰に連絡すればよいでしょうか。(サンプル)",
        33,
        place_id=COMMITTEE_AT_HOME,
    ),
    _Message(
        _K.WRONG,
        "en",
        "Tom Albright",
        "The text on this page says that our mayor supports it. She has never heard of it and asks "
        "you to take the sentence out. I am her secretary. (Sample)",
        20,
        place_id=OFFICIAL_AT_HOME,
    ),
    _Message(
        _K.PRIVACY,
        "de",
        "",
        "Ich war bis zum Sommer im Amt. Bitte sagen Sie mir, was Sie noch über mich gespeichert "
        "haben und wie mein Name aus alten Vereinbarungen verschwindet. (Beispiel)",
        16,
        page="privacy",
        account="colleague1",
    ),
    _Message(
        _K.ACCESSIBILITY,
        "ar",
        "سلمى حداد",
        "أستخدم قارئ الشاشة، ولا أسمع أي وصف لخريطة الشراكات في صفحة المدينة. هل يمكن قراءة "
        "المسافات في جدول؟ (مثال)",
        9,
        page="accessibility",
    ),
    _Message(
        _K.OTHER,
        "fr",
        "Mamadou Diallo",
        "Je prépare un article sur les villes jumelées d'Afrique de l'Ouest. Puis-je citer vos "
        "chiffres, et quelle source dois-je indiquer ? (Exemple)",
        4,
        page="sources",
    ),
)


@transaction.atomic
def load_sample_tickets() -> int:
    """Adds the messages to a sample world that has none; returns how many were written now."""
    staff = User.objects.filter(is_sample=True, staff_role=User.StaffRole.CURATOR)
    curator = staff.order_by("id").first()
    if curator is None or Ticket.objects.filter(email__endswith=f"@{DOMAIN}").exists():
        return 0
    for number, message in enumerate(_MESSAGES):
        _tell(message, number, curator)
    return len(_MESSAGES)


def _tell(message: _Message, number: int, curator: User) -> None:
    accounts = User.objects.filter(is_sample=True, email__startswith=message.account)
    writer = accounts.order_by("id").first() if message.account else None
    with translation.override(message.language):
        ticket = write_ticket(
            by=writer,
            topic=message.topic,
            text=message.text,
            name=writer.name if writer else message.name,
            email=writer.email if writer else f"visitor{number}@{DOMAIN}",
            about=_page(message),
        )
    if message.taken:
        take_ticket(by=curator, ticket_id=ticket.pk)
    if message.answer:
        answer_ticket(by=curator, ticket_id=ticket.pk, text=message.answer, close=message.closed)
    if message.again:
        reply_to_ticket(by=writer, token=token_of(ticket), text=message.again)
    _date_back(ticket, message.hours)


def _page(message: _Message) -> str:
    """The path that it is about; empty where the sample world does not have it."""
    if message.page:
        return reverse(f"web:{message.page}")
    if message.topic == _K.ORGANISATION:
        place = Place.objects.filter(country_id="DE", community=None).order_by("-population")
        return organisation_path(place[0].pk) if place else ""
    community = Community.objects.filter(is_sample=True, place_id=message.place_id).first()
    return reverse("web:community", args=[community.pk]) if community else ""


def _date_back(ticket: Ticket, hours: int) -> None:
    """As if it had been written some hours ago, and each further message a day after."""
    began = database_now() - dt.timedelta(hours=hours)
    at = began
    for later, message in enumerate(ticket.messages.order_by("pk")):
        at = began + dt.timedelta(hours=20 * later)
        ticket.messages.filter(pk=message.pk).update(at=at)
    Ticket.objects.filter(pk=ticket.pk).update(written_at=began, changed_at=at)
