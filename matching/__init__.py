"""The science of Cities Seeking Cities: reciprocal, exact, explained. No Django, Celery or I/O."""
