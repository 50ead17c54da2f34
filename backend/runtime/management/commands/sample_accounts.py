"""``python3 manage.py sample_accounts``: how to sign in to the sample world as each actor."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError

from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.sample.people import ACTORS, password_file, sample_password


class Command(BaseCommand):
    help = "Prints the sample accounts, their password and what each can try."

    def handle(self, *args: Any, **options: Any) -> None:
        people = User.objects.filter(is_sample=True)
        if not people.exists():
            raise CommandError("There is no sample world here; run: python3 manage.py load_sample")
        known = password_file().exists()
        try:
            password = sample_password()
        except OSError as error:
            raise CommandError(
                f"{password_file()} cannot be used: {error.strerror or error}"
            ) from None
        if not known:
            # The database came without its data folder: the old password is lost, all get the new
            # one.
            people.update(password=make_password(password))
        names = dict(
            Community.objects.filter(
                place__in=[a.place_id for a in ACTORS if a.place_id]
            ).values_list("place_id", "name")
        )
        width = max(len(actor.email) for actor in ACTORS)
        self.stdout.write(f"Sign in with the password {password}")
        for actor in ACTORS:
            where = f"{names[actor.place_id]}: " if actor.place_id in names else ""
            self.stdout.write(f"  {actor.email:<{width}}  {where}{actor.what_to_try}")
        self.stdout.write(
            "  Every sample community has an official too: official+<GeoNames "
            f"id>@{ACTORS[0].email.split('@')[1]}"
        )
