"""Who may open which page. Every URL stands in one table; one that does not is answered like one
that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from backend.accounts.models import User
from backend.accounts.second_factor import must_set_up_second_factor
from backend.cities.permissions import role_in
from backend.web.html.errors import not_found

Level = Literal[
    "public", "signed_in", "community", "community_or_staff", "staff", "curator", "admin"
]

# "community": an active role in the community that the address names. "staff": curators and
# administrators. What the person may do with the object itself is decided by the services and
# queries behind the page.
ACCESS: Mapping[str, Level] = {
    "web:home": "public",
    "web:about": "public",
    "web:sources": "public",
    "web:language": "public",
    "web:seeking": "public",
    "web:community": "public",
    "web:directory": "public",
    "web:directory_cities": "public",
    "web:directory_export": "public",
    "web:register": "signed_in",
    "web:places": "signed_in",
    "web:desk": "signed_in",
    "web:inbox": "signed_in",
    "web:account": "signed_in",
    "web:account_acts": "signed_in",
    "web:account_data": "signed_in",
    "web:account_export": "signed_in",
    "web:account_erase": "signed_in",
    "web:account_tokens": "signed_in",
    "web:account_token_revoke": "signed_in",
    "web:second_factor": "signed_in",
    "web:join": "signed_in",
    "web:join_withdraw": "signed_in",
    "web:invitation": "public",
    "web:invitation_accept": "signed_in",
    "web:people": "community_or_staff",
    "web:people_invite": "community_or_staff",
    "web:people_change": "community_or_staff",
    "web:people_end": "community_or_staff",
    "web:invitation_revoke": "community_or_staff",
    "web:join_answer": "community_or_staff",
    "web:community_acts": "community_or_staff",
    "web:profile": "community",
    "web:profile_group": "community",
    "web:profile_autosave": "community",
    "web:profile_settle": "community",
    "web:profile_preview": "community",
    "web:profile_confirm": "community",
    "web:profile_check": "community",
    "web:profile_submit": "community",
    "web:profile_publish": "community",
    "web:profile_contacts": "community",
    "web:profile_answer": "community",
    "web:profile_letter": "community",
    "web:profile_letter_file": "community",
    "web:profile_status": "community",
    "web:suggestions": "community",
    "web:suggestion": "community",
    "web:suggestion_answer": "community",
    "web:suggestion_undo": "community",
    "web:suggestion_vote": "community",
    "web:suggestion_unvote": "community",
    "web:suggestion_shortlist": "community",
    "web:suggestion_compare": "community",
    "web:answer_rule": "community",
    "web:dossier": "community",
    "web:dossier_pdf": "community",
    "web:staff_votes": "curator",
    "web:introduction": "signed_in",
    "web:introduction_consent": "signed_in",
    "web:introduction_leave": "signed_in",
    "web:meeting_new": "signed_in",
    "web:meeting": "signed_in",
    "web:meeting_act": "signed_in",
    "web:meeting_file": "signed_in",
    "web:agreement": "signed_in",
    "web:agreement_version": "signed_in",
    "web:agreement_changes": "signed_in",
    "web:agreement_document": "signed_in",
    "web:agreement_document_file": "signed_in",
    "web:agreement_confirm": "signed_in",
    "web:partnerships": "community",
    "web:partnership": "signed_in",
    "web:partnership_write": "signed_in",
    "web:partnership_retract": "signed_in",
    "web:partnership_honour": "curator",
    "web:partnership_why": "signed_in",
    "web:partnership_certificate": "signed_in",
    "web:staff": "staff",
    "web:staff_vetting": "staff",
    "web:staff_submission": "staff",
    "web:staff_publish": "curator",
    "web:staff_changes": "curator",
    "web:staff_letter": "curator",
    "web:staff_members": "staff",
    "web:staff_members_export": "staff",
    "web:staff_member": "staff",
    "web:staff_member_add": "curator",
    "web:staff_member_change": "curator",
    "web:staff_member_renew": "curator",
    "web:staff_member_end": "curator",
    "web:staff_member_import_new": "curator",
    "web:staff_member_import": "curator",
    "web:staff_member_import_apply": "curator",
    "web:staff_claims": "staff",
    "web:staff_claim_answer": "curator",
    "web:staff_suggestions": "staff",
    "web:staff_suggestion": "staff",
    "web:staff_suggestion_act": "curator",
    "web:staff_suggestions_act": "curator",
    "web:staff_propose": "curator",
    "web:staff_policy": "staff",
    "web:staff_contacts": "staff",
    "web:staff_bars": "staff",
    "web:staff_bar_lift": "curator",
    "web:staff_introduction_note": "curator",
    "web:staff_introductions": "staff",
    "web:staff_introduction": "staff",
    "web:staff_introduction_open": "curator",
    "web:staff_introduction_move": "curator",
    "web:staff_introduction_assign": "curator",
    "web:staff_agreement": "staff",
    "web:staff_agreements": "staff",
    "web:staff_draft": "staff",
    "web:staff_draft_act": "curator",
    "web:staff_template": "staff",
    "web:staff_partnerships": "staff",
    "web:staff_figures": "staff",
    "web:staff_figures_csv": "staff",
    "web:staff_runs": "staff",
    "web:staff_run": "staff",
    "web:staff_run_progress": "staff",
    "web:staff_run_start": "staff",
    "web:staff_weights": "staff",
    "web:staff_weights_promote": "staff",
    "web:staff_dead_letters": "staff",
    "web:staff_dead_letter_retry": "staff",
    "web:staff_mails": "staff",
    "web:staff_mail": "staff",
    "web:staff_events": "staff",
    "web:staff_roles": "admin",
    "web:staff_joining": "staff",
    "web:staff_tokens": "staff",
    "web:staff_token_end": "admin",
    "account_login": "public",
    "account_signup": "public",
    "account_logout": "public",
    "account_inactive": "public",
    "account_reset_password": "public",
    "account_reset_password_done": "public",
    "account_reset_password_from_key": "public",
    "account_reset_password_from_key_done": "public",
    "account_request_login_code": "public",
    "account_email_verification_sent": "public",
    "account_confirm_login_code": "public",
    "account_email": "signed_in",
    "account_change_password": "signed_in",
    "account_set_password": "signed_in",
    "account_reauthenticate": "signed_in",
    "mfa_login_webauthn": "public",
    "mfa_authenticate": "public",
    "mfa_index": "signed_in",
    "mfa_reauthenticate": "signed_in",
    "mfa_activate_totp": "signed_in",
    "mfa_deactivate_totp": "signed_in",
    "mfa_view_recovery_codes": "signed_in",
    "mfa_generate_recovery_codes": "signed_in",
    "mfa_download_recovery_codes": "signed_in",
    "mfa_list_webauthn": "signed_in",
    "mfa_add_webauthn": "signed_in",
    "mfa_edit_webauthn": "signed_in",
    "mfa_remove_webauthn": "signed_in",
    "mfa_reauthenticate_webauthn": "signed_in",
    "usersessions_list": "signed_in",
}

# Addresses of the record room, one for each table and view of Django's admin.
_RECORDS_PREFIX = "admin:"

# Addresses whose own app holds their table: the API, and the probes of the machine.
_ELSEWHERE_PREFIX = "api:"
_ELSEWHERE = frozenset({"healthz", "readyz", "metrics"})


def level_of(name: str) -> Level | None:
    """The level that a page asks for; None for one that no table knows."""
    return "admin" if name.startswith(_RECORDS_PREFIX) else ACCESS.get(name)


def admits(level: Level, user: User | AnonymousUser, community_id: int | None) -> bool:
    """Whether a signed-in person passes a level; "community" looks the role up."""
    if not isinstance(user, User):
        return False
    if level == "signed_in":
        return True
    if level == "community_or_staff" and user.is_staff_member:
        return True
    if level in ("community", "community_or_staff"):
        return community_id is not None and role_in(user, community_id) is not None
    return {"staff": user.is_staff_member, "curator": user.is_curator, "admin": user.is_admin}[
        level
    ]


def _opens_without_second_factor(name: str) -> bool:
    """Pages on which staff set up their second factor, and what belongs to it: sign-in, address,
    password, sessions, language.
    """
    return not name.startswith(("web:", _RECORDS_PREFIX)) or name in (
        "web:account",
        "web:second_factor",
    )


class AccessMiddleware:
    """Enforces ACCESS before a view runs. Visitors are sent to sign in; whoever may not enter sees
    the page of a wrong address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name.startswith(_ELSEWHERE_PREFIX) or name in _ELSEWHERE:
            return None
        level = level_of(name)
        if level == "public":
            return None
        if level is None:
            return not_found(request)
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not admits(level, request.user, kwargs.get("community_id")):
            return not_found(request)
        if (
            not _opens_without_second_factor(name)
            and isinstance(request.user, User)
            and must_set_up_second_factor(request.user)
        ):
            return redirect("web:second_factor")
        return None
