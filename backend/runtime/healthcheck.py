"""``python -m backend.runtime.healthcheck``: exit code 0 when the web of this container answers
/healthz.
"""

from __future__ import annotations

import http.client
import os
import sys


def main() -> int:
    """Ask as the proxy does: under a name that the service accepts."""
    host = (
        os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".*")
        or "localhost"
    )
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=4)
    try:
        connection.request("GET", "/healthz", headers={"Host": host, "X-Forwarded-Proto": "https"})
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
