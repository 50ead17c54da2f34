"""What the person at the terminal reads: errors, and the output of the parts of the service with a
prefix, which also goes to files of bounded size.
"""

from __future__ import annotations

import collections
import os
import sys
from pathlib import Path
from typing import IO

EXIT_SETUP = 2


class SetupError(Exception):
    """The machine or the command line must be corrected first. The message is one line: what is
    wrong, and what to do.
    """


class ServerError(Exception):
    """An embedded server did not start or stopped answering; the message carries the last lines of
    its log.
    """


_FILE_BYTES = 5 * 2**20
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)


class Output:
    """The lines of one part. Keeps the last few for an error message; ``NAME.log`` is turned over
    to ``NAME.log.1`` at 5 MB.
    """

    width = 8

    def __init__(self, name: str, folder: Path, number: int) -> None:
        self.name = name
        self.path = folder / f"{name}.log"
        self.tail: collections.deque[str] = collections.deque(maxlen=20)
        self._pending = b""
        self._file: IO[str] = self.path.open("a")
        coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        prefix = f"{name:<{self.width}}|"
        self._prefix = (
            f"\033[{_COLOURS[number % len(_COLOURS)]}m{prefix}\033[0m" if coloured else prefix
        )

    def feed(self, data: bytes) -> None:
        """Take in raw output; an unfinished line waits for its end."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._line(line.decode(errors="replace").rstrip("\r"))

    def end(self) -> None:
        """The process has ended: an unfinished line is written too."""
        if self._pending:
            self.feed(b"\n")

    def _line(self, line: str) -> None:
        self.tail.append(line)
        print_quietly(f"{self._prefix} {line}")
        self._file.write(line + "\n")
        self._file.flush()
        if self._file.tell() > _FILE_BYTES:
            self._file.close()
            self.path.replace(self.path.with_name(self.path.name + ".1"))
            self._file = self.path.open("a")

    def close(self) -> None:
        self._file.close()


def print_quietly(text: str) -> None:
    """Print; a closed terminal must not end the service."""
    try:
        print(text, flush=True)
    except (BrokenPipeError, OSError):
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - it lives as long as the process
