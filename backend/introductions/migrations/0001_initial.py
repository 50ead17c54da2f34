import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cities', '0001_initial'),
        ('suggestions', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Introduction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.CharField(choices=[('to_introduce', 'To introduce'), ('introduced', 'Introduced'), ('first_meeting', 'First meeting'), ('exploring', 'Exploring'), ('proposal', 'Proposal'), ('council_resolution', 'Council resolution'), ('agreement', 'Agreement'), ('closed', 'Closed')], default='to_introduce', max_length=20)),
                ('close_reason', models.CharField(blank=True, choices=[('side_withdrew', 'A side withdrew'), ('no_response', 'No response'), ('no_common_ground', 'No common ground found'), ('council_said_no', 'A council said no'), ('other', 'Another reason')], max_length=20)),
                ('due_on', models.DateField(null=True)),
                ('opened_because', models.TextField(blank=True, help_text='The recorded reason, where staff opened it by hand.')),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
                ('met_on', models.DateField(help_text='When they first met, as staff recorded it; a meeting arranged here needs no such record.', null=True)),
                ('stage_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When it came into its column')),
                ('opened_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='owned_introductions', to=settings.AUTH_USER_MODEL)),
                ('pair', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='introductions', to='suggestions.pair')),
                ('suggestion', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='introductions', to='suggestions.suggestion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('stage', 'closed'), _negated=True), fields=('pair',), name='introduction_one_open'), models.CheckConstraint(condition=models.Q(('stage__in', ['to_introduce', 'introduced', 'first_meeting', 'exploring', 'proposal', 'council_resolution', 'agreement', 'closed'])), name='introduction_stage_known'), models.CheckConstraint(condition=models.Q(models.Q(('stage', 'closed'), models.Q(('close_reason', ''), _negated=True)), models.Q(models.Q(('stage', 'closed'), _negated=True), ('close_reason', '')), _connector='OR'), name='introduction_close_has_reason'), models.CheckConstraint(condition=models.Q(('suggestion__isnull', False), models.Q(models.Q(('opened_because', ''), _negated=True), ('opened_by__isnull', False)), _connector='OR'), name='introduction_has_cause')],
            },
        ),
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('given_at', models.DateTimeField(auto_now_add=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.community')),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('introduction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to='introductions.introduction')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('introduction', 'community'), name='consent_one_active_per_side'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at__isnull', True), ('withdrawn_by__isnull', True)), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False)), _connector='OR'), name='consent_withdrawal_complete')],
            },
        ),
        migrations.CreateModel(
            name='Agreement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('draft', 'Being drafted'), ('signing', 'Before both sides'), ('in_force', 'In force'), ('withdrawn', 'Given up')], default='draft', max_length=10)),
                ('form', models.CharField(choices=[('friendship', 'Friendship city'), ('sister', 'Sister city'), ('fixed_term', 'Fixed-term pact'), ('project', 'Single project')], max_length=12)),
                ('areas', models.JSONField(default=list, help_text='Theme codes')),
                ('languages', models.JSONField(default=list, help_text='Languages of equal text')),
                ('term_years', models.PositiveSmallIntegerField(help_text='Empty: open-ended', null=True)),
                ('review_on', models.DateField(null=True)),
                ('offered_number', models.PositiveIntegerField(help_text='The version that was last put before both sides; they read up to it', null=True)),
                ('in_force_on', models.DateField(help_text='The later of the two signatures', null=True)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('introduction', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='agreements', to='introductions.introduction')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('form__in', ['friendship', 'sister', 'fixed_term', 'project'])), name='agreement_form_known'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'signing', 'in_force', 'withdrawn'])), name='agreement_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('form', 'fixed_term'), _negated=True), ('term_years__gte', 1), _connector='OR'), name='agreement_fixed_term_has_term'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'signing'), _negated=True), ('offered_number__gte', 1), _connector='OR'), name='agreement_signing_was_offered'), models.UniqueConstraint(condition=models.Q(('status__in', ['draft', 'signing'])), fields=('introduction',), name='agreement_one_open')],
            },
        ),
        migrations.CreateModel(
            name='IntroductionNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=4000)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('introduction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='introductions.introduction')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='introduction_note_has_text')],
            },
        ),
        migrations.CreateModel(
            name='Meeting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('proposed', 'Times proposed'), ('fixed', 'Fixed'), ('cancelled', 'Cancelled')], default='proposed', max_length=10)),
                ('minutes', models.PositiveSmallIntegerField(default=60)),
                ('place', models.CharField(blank=True, help_text='A room, or the link of a video call', max_length=300)),
                ('proposed_at', models.DateTimeField(auto_now_add=True)),
                ('starts_at', models.DateTimeField(help_text='Empty until a time is fixed', null=True)),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('sequence', models.PositiveIntegerField(default=0, help_text='Rises with each change that calendars must learn of')),
                ('changed_at', models.DateTimeField(auto_now_add=True, help_text='When sequence last rose')),
                ('cancelled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('fixed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('introduction', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='meetings', to='introductions.introduction')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['proposed', 'fixed', 'cancelled'])), name='meeting_status_known'), models.CheckConstraint(condition=models.Q(('minutes__gte', 15), ('minutes__lte', 480)), name='meeting_lasts_a_while'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'fixed'), _negated=True), models.Q(('fixed_by__isnull', False), ('starts_at__isnull', False)), _connector='OR'), name='meeting_fixed_complete'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'proposed'), _negated=True), ('starts_at__isnull', True), _connector='OR'), name='meeting_proposed_open')],
            },
        ),
        migrations.CreateModel(
            name='MeetingTime',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('round', models.PositiveSmallIntegerField(default=1)),
                ('starts_at', models.DateTimeField()),
                ('meeting', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='times', to='introductions.meeting')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('meeting', 'round', 'starts_at'), name='meeting_time_once')],
            },
        ),
        migrations.CreateModel(
            name='Partnership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('form', models.CharField(choices=[('friendship', 'Friendship city'), ('sister', 'Sister city'), ('fixed_term', 'Fixed-term pact'), ('project', 'Single project')], max_length=12)),
                ('status', models.CharField(choices=[('active', 'Active'), ('review_due', 'Review due'), ('renewed', 'Renewed'), ('dormant', 'Dormant'), ('revitalising', 'Revitalising'), ('suspended', 'Suspended'), ('ended', 'Ended'), ('emeritus', 'Emeritus')], default='active', max_length=12)),
                ('since', models.DateField()),
                ('review_on', models.DateField(help_text='When the two look at it together; empty: no review was agreed', null=True)),
                ('awake_since', models.DateField(help_text='From when silence counts, where that is later than the beginning', null=True)),
                ('ended_on', models.DateField(null=True)),
                ('report_asked_for', models.PositiveSmallIntegerField(help_text='The latest year whose report both sides were reminded of', null=True)),
                ('why', models.JSONField(default=dict, help_text='Why this pair: reasons, run, votes, decisions and history, frozen at the beginning')),
                ('agreement', models.OneToOneField(help_text='The latest in force', on_delete=django.db.models.deletion.PROTECT, related_name='in_force_for', to='introductions.agreement')),
                ('pair', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='partnerships', to='suggestions.pair')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['ended', 'emeritus']), _negated=True), fields=('pair',), name='partnership_one_living'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'review_due', 'renewed', 'dormant', 'revitalising', 'suspended', 'ended', 'emeritus'])), name='partnership_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('ended_on__isnull', False), ('status', 'ended')), models.Q(models.Q(('status', 'ended'), _negated=True), ('ended_on__isnull', True)), _connector='OR'), name='partnership_end_complete')],
            },
        ),
        migrations.AddField(
            model_name='agreement',
            name='partnership',
            field=models.ForeignKey(help_text='The partnership that it began or carries on', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='agreements', to='introductions.partnership'),
        ),
        migrations.CreateModel(
            name='Activity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('visit', 'Visit'), ('exchange', 'Exchange'), ('project', 'Project')], max_length=10)),
                ('happened_on', models.DateField()),
                ('text', models.TextField(max_length=4000)),
                ('people_a', models.PositiveIntegerField(default=0, help_text="People of the pair's first community who took part")),
                ('people_b', models.PositiveIntegerField(default=0)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('retracted_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(help_text='The side that wrote it down', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.community')),
                ('retracted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('partnership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='activities', to='introductions.partnership')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('retracted_at__isnull', True)), fields=['partnership', '-happened_on'], name='activity_latest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['visit', 'exchange', 'project'])), name='activity_kind_known'), models.CheckConstraint(condition=models.Q(models.Q(('retracted_at__isnull', True), ('retracted_by__isnull', True)), models.Q(('retracted_at__isnull', False), ('retracted_by__isnull', False)), _connector='OR'), name='activity_retraction_complete')],
            },
        ),
        migrations.CreateModel(
            name='Renewal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('review', models.DateField(help_text='The review that it answers')),
                ('next_review_on', models.DateField()),
                ('decided_on', models.DateField()),
                ('reference', models.CharField(blank=True, help_text="Of the council's decision, where there is one", max_length=200)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.community')),
                ('partnership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='renewals', to='introductions.partnership')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('partnership', 'community', 'review'), name='renewal_once_a_side'), models.CheckConstraint(condition=models.Q(('next_review_on__gt', models.F('decided_on'))), name='renewal_looks_ahead')],
            },
        ),
        migrations.CreateModel(
            name='SignedDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version_number', models.PositiveIntegerField(help_text='The version that was before both sides: what was signed')),
                ('file', models.FileField(max_length=200, upload_to='agreements/')),
                ('original_name', models.CharField(max_length=200)),
                ('content_type', models.CharField(max_length=40)),
                ('digest', models.CharField(help_text='SHA-256 of the file, hexadecimal', max_length=64)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('agreement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='introductions.agreement')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(help_text='Who sent it; empty: staff', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.community')),
            ],
        ),
        migrations.CreateModel(
            name='Signatory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('office', models.CharField(max_length=120)),
                ('is_highest_official', models.BooleanField(help_text='The highest elected or appointed official of the community')),
                ('signed_on', models.DateField()),
                ('confirmed_at', models.DateTimeField(auto_now_add=True)),
                ('agreement', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='signatories', to='introductions.agreement')),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.community')),
                ('confirmed_by', models.ForeignKey(help_text='Of that side', on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('document', models.ForeignKey(help_text='What the side read and confirmed', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='introductions.signeddocument')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('agreement', 'community'), name='signatory_one_per_side')],
            },
        ),
        migrations.CreateModel(
            name='StatusChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('old', models.CharField(choices=[('active', 'Active'), ('review_due', 'Review due'), ('renewed', 'Renewed'), ('dormant', 'Dormant'), ('revitalising', 'Revitalising'), ('suspended', 'Suspended'), ('ended', 'Ended'), ('emeritus', 'Emeritus')], max_length=12)),
                ('new', models.CharField(choices=[('active', 'Active'), ('review_due', 'Review due'), ('renewed', 'Renewed'), ('dormant', 'Dormant'), ('revitalising', 'Revitalising'), ('suspended', 'Suspended'), ('ended', 'Ended'), ('emeritus', 'Emeritus')], max_length=12)),
                ('decided_on', models.DateField()),
                ('reference', models.CharField(blank=True, help_text="Of the council's decision", max_length=200)),
                ('reason', models.TextField(blank=True, max_length=2000)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(help_text='Empty: the service', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(help_text="Whose act; empty: staff's or the service's", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.community')),
                ('partnership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='introductions.partnership')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('old', models.F('new')), _negated=True), name='change_changes'), models.CheckConstraint(condition=models.Q(models.Q(('new__in', ['ended', 'suspended']), _negated=True), models.Q(('by__isnull', False), ('community__isnull', False), models.Q(('reference', ''), _negated=True)), _connector='OR'), name='change_end_is_decided')],
            },
        ),
        migrations.CreateModel(
            name='TimeAcceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.community')),
                ('time', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='acceptances', to='introductions.meetingtime')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('time', 'community'), name='time_accepted_once_a_side')],
            },
        ),
        migrations.CreateModel(
            name='YearlyReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField()),
                ('achieved', models.TextField(max_length=4000)),
                ('difficulties', models.TextField(blank=True, max_length=4000)),
                ('plans', models.TextField(blank=True, max_length=4000)),
                ('saved_at', models.DateTimeField(auto_now=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.community')),
                ('partnership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='introductions.partnership')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('partnership', 'community', 'year'), name='report_once_a_side_and_year')],
            },
        ),
        migrations.CreateModel(
            name='AgreementTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('form', models.CharField(choices=[('friendship', 'Friendship city'), ('sister', 'Sister city'), ('fixed_term', 'Fixed-term pact'), ('project', 'Single project')], max_length=12)),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField(help_text='Paragraphs with placeholders in braces')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('form', 'number'), name='template_number_once'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='template_number_positive'), models.CheckConstraint(condition=models.Q(('form__in', ['friendship', 'sister', 'fixed_term', 'project'])), name='template_form_known')],
            },
        ),
        migrations.CreateModel(
            name='AgreementVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('template_number', models.PositiveIntegerField(help_text="Of the form's template from which the text began; 0: as delivered")),
                ('terms', models.JSONField(help_text='form, areas, languages, term_years, review_on and the two expected signatories')),
                ('text', models.TextField(help_text='As staff wrote it, with placeholders')),
                ('body', models.TextField(help_text='The text with its placeholders filled, as the sides read it')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('agreement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='introductions.agreement')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('agreement', 'number'), name='agreement_version_once'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='agreement_version_positive')],
            },
        ),
        migrations.AddConstraint(
            model_name='agreement',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'in_force'), _negated=True), models.Q(('in_force_on__isnull', False), ('partnership__isnull', False)), _connector='OR'), name='agreement_in_force_complete'),
        ),
    ]
