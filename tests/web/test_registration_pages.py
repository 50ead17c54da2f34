from __future__ import annotations

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Profile
from tests.factories import CommunityFactory, CountryFactory, PlaceFactory
from tests.web.conftest import SignIn
from tests.web.html_forms import forms_of, url

URL = url("register")


def test_city_is_found_and_registered_without_javascript(stranger: User, sign_in: SignIn) -> None:
    place = PlaceFactory(
        name="Göteborg",
        search_text="goteborg",
        country=CountryFactory(code="DE"),
        population=500_000,
    )
    client = sign_in(stranger)
    html = client.get(URL, {"q": "GÖTE"}).text
    assert "Göteborg" in html
    form = next(form for form in forms_of(html) if form.values.get("kind") == ["city"])
    response = client.post(form.action, {**form.values, "place_id": place.pk})
    community = Community.objects.get(place=place)
    assert response.url == url("profile", community.pk)
    assert CommunityRole.objects.get(community=community).user == stranger
    assert Profile.objects.get(community=community).draft["facts"]["population"] == 500_000


def test_type_ahead_answers_with_places_alone(stranger: User, sign_in: SignIn) -> None:
    PlaceFactory(name="München", search_text="munchen")
    html = sign_in(stranger).get(url("places"), {"q": "munc"}).text
    assert "München" in html
    assert "<html" not in html


def test_registered_city_cannot_be_chosen_again(stranger: User, sign_in: SignIn) -> None:
    taken = CommunityFactory(name="Taken")
    client = sign_in(stranger)
    html = client.get(URL, {"q": "taken"}).text
    assert "registered already" in html
    join = url("join", taken.pk)
    assert f'href="{join}"' in html
    response = client.post(URL, {"kind": "city", "place_id": taken.place_id})
    assert response.url == join
    assert "Somebody has registered this community already" in client.get(join).text


def test_county_with_nearly_the_same_name_is_asked_about(stranger: User, sign_in: SignIn) -> None:
    CountryFactory(code="US")
    client = sign_in(stranger)
    posted = {"kind": "county", "name": "Sonoma County", "country": "US", "admin1": "California"}
    client.post(URL, posted)
    (first,) = Community.objects.all()
    response = client.post(URL, posted | {"name": "Sonomma"})
    html = response.text
    assert response.status_code == 422
    assert url("join", first.pk) in html
    assert 'name="is_another"' in html
    assert client.post(URL, posted | {"name": "Sonomma", "is_another": "on"}).status_code == 302
    assert client.post(URL, posted | {"name": "County of SONOMA", "is_another": "on"}).url == url(
        "join", first.pk
    )
    assert Community.objects.count() == 2


def test_county_is_registered_by_hand(stranger: User, sign_in: SignIn) -> None:
    CountryFactory(code="US")
    posted = {
        "kind": "county",
        "name": "Kent County",
        "country": "US",
        "admin1": "Michigan",
        "website": "https://kent.example",
    }
    assert sign_in(stranger).post(URL, posted).status_code == 302
    assert Community.objects.get(name="Kent County").place is None


def test_missing_answers_are_named_beside_their_fields(stranger: User, sign_in: SignIn) -> None:
    response = sign_in(stranger).post(URL, {"kind": "county", "name": " "})
    html = response.text
    assert response.status_code == 422
    assert "Write the name of the community." in html
    assert "Choose a country from the list." in html
    assert not Community.objects.exists()


def test_city_without_a_choice_says_what_to_do(stranger: User, sign_in: SignIn) -> None:
    response = sign_in(stranger).post(URL, {"kind": "city"})
    assert response.status_code == 422
    assert "Choose your city from the list of places." in response.text
