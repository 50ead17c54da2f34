"""Imports ahead of the first question: what the engine imports only where it uses it takes seconds,
which no page or change should wait.
"""

from __future__ import annotations

import threading
from importlib import import_module

_IMPORTED_WHERE_USED = (
    "scipy.sparse.csgraph",
    "sklearn.decomposition",
    "sklearn.feature_extraction.text",
)


def warm() -> None:
    """Imports what the engine imports only where it uses it."""
    for name in _IMPORTED_WHERE_USED:
        import_module(name)


def warm_in_background() -> None:
    """``warm`` in a thread of its own; returns at once."""
    threading.Thread(target=warm, name="warming", daemon=True).start()
