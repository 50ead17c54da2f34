"""What each word of the command line runs, and how errors of the set-up are reported."""

from __future__ import annotations

import os
import sys

from backend.environment import ConfigurationError
from backend.runtime import bootstrap
from backend.runtime.output import EXIT_SETUP, ServerError, SetupError

USAGE = """\
Cities Seeking Cities

  python3 manage.py up     set up and run the whole service on this machine (options: up --help)
  python3 manage.py test   set up and run the tests; further words go to pytest
  python3 manage.py test --system   the tests that start the service, load all of its data or search
                                    at length
"""


def main(argv: list[str]) -> int:
    """Run the command line `argv`; returns the exit code (2: the set-up must be corrected first,
    said in one line).
    """
    word = argv[1] if len(argv) > 1 else "help"
    try:
        if word == "up":
            from backend.runtime.up import check, parse, run_service

            options = parse(argv[2:])
            check(options)
            bootstrap.enter(bootstrap.RUNTIME_LOCK)
            return run_service(options)
        if word == "test":
            bootstrap.enter(bootstrap.TEST_LOCK)
            from backend.runtime.testing import run_tests

            return run_tests(argv[2:])
        if word in {"help", "--help", "-h"} and len(argv) <= 2:
            print(USAGE, flush=True)
        # An image for production has its packages already
        if os.environ.get("CSC_MODE") != "production":
            bootstrap.enter(None)
        from backend.runtime.commands import run_django

        run_django(argv)
    except (SetupError, ServerError, ConfigurationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_SETUP
    except KeyboardInterrupt:
        return 130
    return 0
