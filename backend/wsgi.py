"""The web's entry point: ``gunicorn backend.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
application = get_wsgi_application()

from backend.cities.sample import refuse_sample_in_production  # noqa: E402 - models need the applications set up above
from backend.suggestions.scoring.warming import warm_in_background  # noqa: E402

refuse_sample_in_production()
warm_in_background()
