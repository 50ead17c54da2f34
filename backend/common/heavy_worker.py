"""The process in which heavy acts run: reads requests from its standard input, writes answers to
its standard output, until that ends.

A request is two parts, each with its length before it (4 bytes, big-endian): JSON that names a
function and its options, and the bytes that it takes. An answer is one byte (DONE, FAILED,
REFUSED), a length and bytes: what the function returned, a message, or the code of the refusal. Its
memory is limited, each act's time of the processor too, and whatever else runs on the machine goes
first.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import resource
import struct
import sys
from typing import BinaryIO

DONE, FAILED, REFUSED = 0, 1, 2


class Refused(Exception):
    """The bytes are not what may be taken; the code says why."""


def main(memory: int) -> int:
    """Args: memory: address space in MiB."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not get among the answers
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory * 2**20, memory * 2**20))
    while (head := _read(requests)) is not None:
        payload = _read(requests)
        if payload is None:
            break
        status, body = _answer(head, payload)
        del payload
        answers.write(bytes([status]) + struct.pack(">I", len(body)) + body)
        answers.flush()
    return 0


def _answer(head: bytes, payload: bytes) -> tuple[int, bytes]:
    request = json.loads(head)
    module, function = request["act"].split(":")
    _limit_processor(request["seconds"])
    try:
        found = getattr(importlib.import_module(module), function)
        return DONE, found(payload, **request["options"])
    except Refused as refused:
        return REFUSED, str(refused).encode()
    except Exception as error:
        return FAILED, f"{type(error).__name__}: {error}".encode()


def _limit_processor(seconds: float) -> None:
    """Also ends an act whose web process was killed and can stop it no more."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    length = struct.unpack(">I", head)[0]
    body = stream.read(length)
    return body if len(body) == length else None


if __name__ == "__main__":
    # Functions raise the class of the module that they import, not of this one as it is run.
    from backend.common import heavy_worker

    sys.exit(heavy_worker.main(int(sys.argv[1])))
