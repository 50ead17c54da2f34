"""What `celery -A tasks.beat beat` loads: the schedule and the broker without the tasks' code. It
sends names of tasks and does not load the engine.
"""

from __future__ import annotations

from tasks.app import app

app.conf.imports = []

__all__ = ["app"]
