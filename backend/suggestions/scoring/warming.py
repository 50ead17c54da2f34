"""Imports ahead of the first question: the libraries that read stories take seconds to import, and no page should wait for them."""

from __future__ import annotations

import threading
from importlib import import_module

_READ_STORIES = ("sklearn.decomposition", "sklearn.feature_extraction.text")


def warm_in_background() -> None:
    """Begins the imports in a thread of their own and returns at once."""
    threading.Thread(target=lambda: [import_module(name) for name in _READ_STORIES], name="warming", daemon=True).start()
