"""Each process of the service finds its modules without ``manage.py``, as production starts it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from backend.runtime.bootstrap import ROOT


@pytest.mark.parametrize("module", ["backend.wsgi", "tasks.app", "tasks.beat"])
def test_entry_point_is_imported_first(module: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(
        [sys.executable, "-c", f"import {module}"], cwd=ROOT, env=environment, check=True
    )
