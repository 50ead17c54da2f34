"""Text as a reader sees it: what goes, what a script needs and keeps, and that every way in is
covered. Letters that are not seen are written by their names.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.models import User
from backend.cities.models import Community
from backend.common.typed_text import typed, typed_values
from backend.introductions.models import Activity
from tests.actors import World, agreed
from tests.factories import CommunityRoleFactory, UserFactory

OVERRIDE, ISOLATE, ZERO, SOFT = "\u202e", "\u2066", "\u200b", "\u00ad"
JOINER, NON_JOINER = "\u200d", "\u200c"


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("one\r\ntwo\rthree\x0bfour\u2028five\x85six", "one\ntwo\nthree\nfour\nfive\nsix"),
        (f"Va{ZERO}lpa{SOFT}raíso\ufeff", "Valparaíso"),
        (f"{OVERRIDE}8202 rebmevoN{ISOLATE}\u2069\u202c", "8202 rebmevoN"),
        ("Wordcell\x07 County\x1b", "Wordcell County"),
        ("\uf0b7 first\n\uf0a7 second", "• first\n• second"),
        ("tab\tand blank", "tab\tand blank"),
        # Joiners: needed in Persian, Hindi and pictures made of several; not in Latin, Han or kana
        (f"می{NON_JOINER}خواهم", f"می{NON_JOINER}خواهم"),
        (f"क्{JOINER}ष", f"क्{JOINER}ष"),
        (f"👩{JOINER}🚒", f"👩{JOINER}🚒"),
        (f"Ko{JOINER}be{NON_JOINER} 神{JOINER}戸{JOINER}", "Kobe 神戸"),
        (f"می{NON_JOINER}{NON_JOINER}خواهم", f"می{NON_JOINER}خواهم"),
        # Marks of direction and the forms of characters stay
        ("\u200fمدينة (2)\u200f", "\u200fمدينة (2)\u200f"),
        ("葛\U000e0100城", "葛\U000e0100城"),
        # Nothing that is seen is empty
        (f"{ZERO}\u3164{JOINER}\u2060", ""),
        ("\u200e\u200f \u00a0", ""),
        (" ", " "),
        ("", ""),
        ("nul\x00stays", "nul\x00stays"),
    ],
)
def test_text_is_what_a_reader_sees(written: str, seen: str) -> None:
    assert typed(written) == seen
    assert typed_values([{"a": [written, 1, None]}]) == [{"a": [seen, 1, None]}]


@given(st.text())
def test_what_is_typed_once_stays(text: str) -> None:
    once = typed(text)
    assert typed(once) == once
    assert not set(once) & set("\r\x0b\x1b\u202e\u2066\u200b\ufeff")


@pytest.mark.django_db
def test_four_thousand_characters_with_line_breaks_fit(world: World) -> None:
    """A browser counts a line break once and sends two characters."""
    partnership = agreed(world)
    text = "\r\n".join(["x" * 99] * 40)  # with 39 breaks, and a letter more: 4,000
    sent = {
        "activity-kind": "visit",
        "activity-happened_on": "2026-03-01",
        "activity-text": text + "y",
        "activity-own_people": "0",
        "activity-other_people": "0",
    }
    page = reverse("web:partnership_write", args=[partnership.pk, "activity"])
    response = world.client("official").post(page, sent)
    assert response.status_code == 302, response.text
    kept = Activity.objects.get().text
    assert (len(kept), "\r" in kept) == (4000, False)


@pytest.mark.django_db
def test_names_come_in_clean_by_page_and_api() -> None:
    role = CommunityRoleFactory()
    client = Client()
    client.force_login(role.user)
    client.post(reverse("web:account"), {"name": f"A{OVERRIDE}da{ZERO}", "language": "en"})
    assert User.objects.get(pk=role.user_id).name == "Ada"
    answer = client.patch(
        "/api/v1/me/", {"name": f"Gra{OVERRIDE}ce"}, content_type="application/json"
    )
    assert answer.status_code == 200, answer.text
    assert User.objects.get(pk=role.user_id).name == "Grace"


@pytest.mark.django_db
def test_county_of_a_word_table_is_registered_without_the_end_of_its_cell() -> None:
    client = Client()
    client.force_login(UserFactory())
    values: dict[str, Any] = {"kind": "county", "name": "Wordcell\x07 County", "country": "US"}
    answer = client.post("/api/v1/communities/", values, content_type="application/json")
    assert answer.status_code in (201, 422), answer.text
    assert not Community.objects.filter(name__contains="\x07").exists()


def test_password_is_left_as_it_is(db: None) -> None:
    user = UserFactory()
    user.set_password(f"soft{SOFT}hyphen-1234")
    user.save()
    client = Client()
    sent = {"login": user.email, "password": f"soft{SOFT}hyphen-1234"}
    assert client.post(reverse("account_login"), sent).status_code == 302
