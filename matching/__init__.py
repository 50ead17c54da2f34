"""The science of Cities Seeking Cities: reciprocal, exact, explained matching. No Django, no
Celery, no I/O.
"""
