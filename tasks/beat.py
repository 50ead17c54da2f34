"""What `celery -A tasks.beat beat` loads: the schedule and the broker without the tasks' code. It
sends names; the science stays out.
"""

from __future__ import annotations

from tasks.app import app

app.conf.imports = []

__all__ = ["app"]
