"""Errors for the person at the terminal."""

from __future__ import annotations

EXIT_SETUP = 2


class SetupError(Exception):
    """The machine or the command line must be corrected first. The message is one line: what is
    wrong, and what to do.
    """


class ServerError(Exception):
    """An embedded server did not start or stopped answering; the message carries the last lines of
    its log.
    """
