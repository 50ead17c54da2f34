"""Acts of several people at the same moment, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection

from backend.common.errors import DomainError


def outcomes_of(*acts: Callable[[], Any]) -> list[Any]:
    """Runs the acts together; what each returned, or the ``DomainError`` that it was refused
    with.
    """
    start, outcomes = threading.Barrier(len(acts)), [None] * len(acts)
    unforeseen: list[BaseException] = []

    def run(index: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            outcomes[index] = acts[index]()
        except DomainError as error:
            outcomes[index] = error  # type: ignore[call-overload]
        except BaseException as error:
            unforeseen.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert unforeseen == []
    return outcomes


def at_once(*acts: Callable[[], Any]) -> list[DomainError | None]:
    """Runs the acts together; what each was refused with, None for those that went through."""
    return [outcome if isinstance(outcome, DomainError) else None for outcome in outcomes_of(*acts)]
