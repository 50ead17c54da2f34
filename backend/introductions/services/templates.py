"""Templates of agreements: staff write a further version, nobody changes one."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.errors import Conflict, InvalidFields
from backend.introductions.agreement_texts import check_text
from backend.introductions.models import AgreementTemplate, Form
from backend.outbox.services import record
from backend.outbox.topics import Topic


@transaction.atomic
def save_template(*, by: User, form: str, text: str, based_on: int) -> AgreementTemplate:
    """A further version of a form's template; new drafts begin from it, older ones keep theirs.

    Args:
        based_on: the number of the version that the editor began from; 0 is the delivered text.

    Raises:
        NotVisible: no curator. InvalidFields: no such form, or a text that cannot be taken.
            Conflict: somebody saved in the meantime.
    """
    require_staff(by, "U", Thing.AGREEMENT)
    if form not in Form.values:
        raise InvalidFields({"form": [_("Choose one of the forms.")]})
    latest = (
        AgreementTemplate.objects.filter(form=form)
        .order_by("-number")
        .values_list("number", flat=True)
        .first()
        or 0
    )
    plain = check_text(text)
    changed = Conflict(
        _(
            "Somebody else saved this template in the meantime. Open it again and bring in your changes."
        )
    )
    if based_on != latest:
        raise changed
    try:
        with transaction.atomic():
            template = AgreementTemplate.objects.create(
                form=form, number=latest + 1, text=plain, by=by
            )
    except IntegrityError:
        raise changed from None
    record(
        Topic.AGREEMENT_TEMPLATE_SAVED, subject=template, by=by, form=form, number=template.number
    )
    return template
