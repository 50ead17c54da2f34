"""Where a form leads after its act: back to the page of ours that it names."""

from __future__ import annotations

from django.utils.http import url_has_allowed_host_and_scheme


def inside(address: str, otherwise: str) -> str:
    """The address if it is a path of this site, else ``otherwise``."""
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith("/")
    return address if is_ours else otherwise
