#!/usr/bin/env python3
"""The one entry point: ``up`` runs the service, ``test`` the tests, every other word is a Django
command.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036, RUF100 - an older Python must be able to say so
    sys.exit(
        "Python 3.11 or newer is needed, this is "
        + sys.version.split()[0]
        + "; on Debian 12: apt install python3"
    )

from backend.runtime.entry import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
