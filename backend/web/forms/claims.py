"""The answer to a partnership that an official says the community has had before."""

from __future__ import annotations

from typing import Any

from django import forms

from backend.web.forms.domain_errors import DomainForm


class ClaimForm(DomainForm):
    """Only shows field and errors; the service checks. One a row: ids are told apart by the claim's number."""

    note = forms.CharField(label="Why not (its owners read this)", required=False, max_length=500)

    def __init__(self, *args: Any, claim_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": f"claim-{claim_id}-%s", **kwargs})
        self.claim_id = claim_id
