"""The web's entry point: ``gunicorn backend.wsgi``."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
# A request that waits for longer has nobody who waits for it; workers and commands have no limit.
os.environ.setdefault("CSC_STATEMENT_SECONDS", "20")
django.setup(set_prefix=False)

# Models need the applications that were set up above.
from backend.cities.sample import refuse_sample_in_production  # noqa: E402
from backend.common.files import Application  # noqa: E402
from backend.suggestions.scoring.engine import warm_in_background  # noqa: E402

application = Application()
refuse_sample_in_production()
warm_in_background()
