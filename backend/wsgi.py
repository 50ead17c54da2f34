"""The web's entry point: ``gunicorn backend.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

from backend.cities.sample import refuse_sample_in_production
from backend.suggestions.scoring.engine import warm_in_background

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
application = get_wsgi_application()

refuse_sample_in_production()
warm_in_background()
