"""The certificate of a partnership: a PDF of one page, from what both sides confirmed."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from backend.cities.permissions import Reader
from backend.cities.vocabularies import label
from backend.common.dates import database_now
from backend.common.errors import WrongState
from backend.common.pdf import render_pdf
from backend.introductions.models import Partnership
from backend.introductions.queries.partnerships import OVER, partnership_for


def certificate_for(reader: Reader, partnership_id: int) -> bytes:
    """The certificate in the reader's language, for both sides and staff.

    Raises:
        NotVisible: no such partnership, or not theirs. WrongState: it has ended; a certificate
            would say what is not so.
    """
    partnership, _reader = partnership_for(reader, partnership_id)
    if partnership.status in OVER:
        raise WrongState(_("This partnership is at rest; a certificate is made for a living one."))
    return render_pdf(_html(partnership))


def _html(partnership: Partnership) -> str:
    language = translation.get_language() or "en"
    pair = partnership.pair
    signatories = sorted(
        partnership.agreement.signatories.all(), key=lambda signatory: signatory.community_id
    )
    context = {
        "language": language,
        "bidi": translation.get_language_bidi(),
        "title": _("Certificate of Partnership"),
        "form": partnership.get_form_display(),
        "recognised": partnership.recognised,  # type: ignore[attr-defined]  # annotated by partnership_for
        "first": pair.a,
        "second": pair.b,
        "since": partnership.since,
        "areas": [label("themes", code, language) for code in partnership.agreement.areas],
        "signatories": signatories,
        "number": partnership.pk,
        "today": date_format(database_now().date()),
        "sample": pair.a.is_sample or pair.b.is_sample,
    }
    return render_to_string("introductions/certificate.html", context)
