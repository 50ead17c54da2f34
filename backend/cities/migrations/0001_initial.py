import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.operations
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        django.contrib.postgres.operations.TrigramExtension(
        ),
        django.contrib.postgres.operations.UnaccentExtension(
        ),
        migrations.CreateModel(
            name='Country',
            fields=[
                ('code', models.CharField(help_text='ISO 3166-1 alpha-2', max_length=2, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('region', models.CharField(blank=True, help_text='UN region', max_length=40)),
                ('subregion', models.CharField(blank=True, help_text='UN subregion', max_length=60)),
                ('languages', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=3), default=list, help_text='ISO 639-1, or 639-3 where there is none', size=None)),
                ('income_band', models.PositiveSmallIntegerField(help_text='World Bank group, 1 low .. 4 high', null=True)),
            ],
            options={
                'verbose_name_plural': 'countries',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Place',
            fields=[
                ('id', models.BigIntegerField(help_text='GeoNames id', primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('ascii_name', models.CharField(max_length=200)),
                ('alternate_names', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), default=list, size=None)),
                ('search_text', models.TextField(help_text='Lower-case, unaccented names')),
                ('admin1_code', models.CharField(blank=True, max_length=20)),
                ('admin1', models.CharField(blank=True, max_length=120)),
                ('latitude', models.FloatField()),
                ('longitude', models.FloatField()),
                ('population', models.IntegerField(null=True)),
                ('elevation_m', models.FloatField(null=True)),
                ('timezone', models.CharField(max_length=40)),
                ('is_capital', models.BooleanField(default=False)),
                ('seat_level', models.PositiveSmallIntegerField(help_text='0 national capital .. 4', null=True)),
                ('coast_km', models.FloatField(null=True)),
                ('coastal', models.BooleanField(null=True)),
                ('seaport', models.BooleanField(null=True)),
                ('climate', models.CharField(blank=True, help_text='Köppen–Geiger', max_length=4)),
                ('air_destinations', models.PositiveIntegerField(help_text='Direct airline destinations within 60 km (OpenFlights, ODbL)', null=True)),
                ('university_names', models.PositiveSmallIntegerField(help_text="Institutions whose name holds the place's name: a rough proxy", null=True)),
                ('country', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='places', to='cities.country')),
            ],
            options={
                'indexes': [models.Index(fields=['country', '-population'], name='place_country_size')],
            },
        ),
        migrations.CreateModel(
            name='ReferenceLoad',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('content_hash', models.CharField(help_text='SHA-256 of the carried files and the version of what else went in', max_length=64)),
                ('rows', models.PositiveIntegerField()),
                ('loaded_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name='Community',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('city', 'City'), ('county', 'County'), ('state', 'State'), ('district', 'District'), ('province', 'Province')], default='city', max_length=10)),
                ('name', models.CharField(max_length=200)),
                ('local_name', models.CharField(blank=True, max_length=200)),
                ('admin1', models.CharField(blank=True, max_length=120)),
                ('latitude', models.FloatField(null=True)),
                ('longitude', models.FloatField(null=True)),
                ('timezone', models.CharField(blank=True, max_length=40)),
                ('name_key', models.CharField(blank=True, help_text='Without a place: the name by which duplicates are found, see backend.cities.names.community_key', max_length=200)),
                ('region_key', models.CharField(blank=True, help_text='Without a place: the region it lies in, likewise', max_length=200)),
                ('website', models.URLField(blank=True)),
                ('is_sample', models.BooleanField(default=False)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('country', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='communities', to='cities.country')),
                ('place', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='community', to='cities.place')),
            ],
            options={
                'verbose_name_plural': 'communities',
                'ordering': ['name', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['city', 'county', 'state', 'district', 'province'])), name='community_kind_known'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'city'), _negated=True), ('place__isnull', False), _connector='OR'), name='community_city_has_place'), models.UniqueConstraint(condition=models.Q(('place__isnull', True)), fields=('country', 'kind', 'region_key', 'name_key'), name='community_by_hand_once')],
            },
        ),
        migrations.CreateModel(
            name='MemberImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file_name', models.CharField(max_length=200)),
                ('read_as', models.CharField(help_text='Kind of file and, for text, its encoding', max_length=100)),
                ('rows', models.JSONField(help_text='What each row of the file would do, or why it cannot be taken; see cities.memberships')),
                ('checked_at', models.DateTimeField(auto_now_add=True)),
                ('applied_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('structure', models.CharField(blank=True, choices=[('nonprofit', '501(c)(3) or similar nonprofit'), ('municipal', 'Municipal office'), ('institution', 'Local institution'), ('mixed', 'A mix')], max_length=12)),
                ('office', models.CharField(blank=True, help_text='Where the municipal contact sits; a code of the vocabulary', max_length=30)),
                ('year_founded', models.PositiveSmallIntegerField(null=True)),
                ('volunteers', models.PositiveIntegerField(null=True)),
                ('community', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='organisation', to='cities.community')),
            ],
        ),
        migrations.CreateModel(
            name='ListedPartnership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sources', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), help_text="Tags, as in the data folder's SOURCES.md", size=None)),
                ('place_a', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.place')),
                ('place_b', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.place')),
            ],
            options={
                'indexes': [models.Index(fields=['place_b'], name='listed_by_b')],
                'constraints': [models.UniqueConstraint(fields=('place_a', 'place_b'), name='listed_once'), models.CheckConstraint(condition=models.Q(('place_a__lt', models.F('place_b'))), name='listed_ordered')],
            },
        ),
        migrations.CreateModel(
            name='ExistingPartnership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The partner, as the owner calls it', max_length=200)),
                ('name_key', models.CharField(help_text='The name as it is compared: see backend.cities.names.searched_name', max_length=200)),
                ('year', models.PositiveSmallIntegerField(null=True)),
                ('form', models.CharField(blank=True, help_text='A code of backend.cities.profile_schema.FORMS', max_length=12)),
                ('status', models.CharField(default='unknown', help_text='By the owner: a code of profile_schema.PARTNERSHIP_STATUS', max_length=10)),
                ('state', models.CharField(choices=[('claimed', 'Waits for staff'), ('confirmed', 'Confirmed'), ('refused', 'Not confirmed'), ('dropped', 'Taken out of the profile')], default='claimed', max_length=10)),
                ('claimed_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(help_text='When staff answered it; a claim has it where they had confirmed the partnership before its details changed', null=True)),
                ('note', models.CharField(blank=True, help_text='Why staff refused it: its owners read this', max_length=500)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('claimed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='existing_partnerships', to='cities.community')),
                ('country', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.country')),
                ('partner', models.ForeignKey(help_text='Chosen by staff: a community that was registered without a place', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.community')),
                ('place', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.place')),
            ],
            options={
                'indexes': [models.Index(fields=['state', 'claimed_at'], name='existing_to_confirm')],
                'constraints': [models.UniqueConstraint(fields=('community', 'country', 'name_key'), name='existing_once'), models.CheckConstraint(condition=models.Q(('state__in', ['claimed', 'confirmed', 'refused', 'dropped'])), name='existing_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['confirmed', 'refused']), _negated=True), ('answered_at__isnull', False), _connector='OR'), name='existing_answer_complete'), models.CheckConstraint(condition=models.Q(('place__isnull', True), ('partner__isnull', True), _connector='OR'), name='existing_place_or_partner'), models.CheckConstraint(condition=models.Q(('partner__isnull', True), models.Q(('partner', models.F('community')), _negated=True), _connector='OR'), name='existing_partner_not_itself')],
            },
        ),
        migrations.CreateModel(
            name='PlaceName',
            fields=[
                ('pk', models.CompositePrimaryKey('name', 'place_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('name', models.TextField(db_collation='C', help_text='Folded, see backend.cities.names; sorted by bytes, for search by its beginning')),
                ('country_code', models.CharField(help_text='Of the place: ranking thousands of names must not read their places', max_length=2)),
                ('population', models.IntegerField(help_text='Of the place, 0 where it is not known')),
                ('place', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='names', to='cities.place')),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['name'], name='placename_trgm', opclasses=['gin_trgm_ops']), models.Index(fields=['place'], name='placename_place')],
            },
        ),
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('submitted', 'Submitted'), ('changes_requested', 'Changes requested'), ('published', 'Published'), ('stale', 'Stale'), ('paused', 'Paused'), ('fulfilled', 'Fulfilled'), ('withdrawn', 'Withdrawn')], default='draft', max_length=20)),
                ('draft', models.JSONField(default=dict, help_text='What the owner is writing; may hold values that are not valid yet.')),
                ('draft_revision', models.PositiveIntegerField(default=0, help_text='Two editors: the later save of an older revision is a conflict.')),
                ('answer_revisions', models.JSONField(default=dict, help_text='Revision at which each answer (``group.field``) last changed: two editors collide only on the same answer.')),
                ('submitted_at', models.DateTimeField(null=True)),
                ('confirmed_at', models.DateTimeField(help_text='When the owner last said that it is true.', null=True)),
                ('reminded_months', models.PositiveSmallIntegerField(default=0, help_text='The last reminder since then, by its months after confirmation; 0: none yet.')),
                ('paused_until', models.DateField(help_text='The first day on which a paused profile seeks again; empty: until it is resumed.', null=True)),
                ('community', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='profile', to='cities.community')),
            ],
            options={
                'indexes': [models.Index(fields=['status'], name='profile_status')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'submitted', 'changes_requested', 'published', 'stale', 'paused', 'fulfilled', 'withdrawn'])), name='profile_status_known'), models.CheckConstraint(condition=models.Q(('paused_until__isnull', True), ('status', 'paused'), _connector='OR'), name='profile_pause_ends_a_pause')],
            },
        ),
        migrations.CreateModel(
            name='ProfileVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('data', models.JSONField(help_text='A valid document of backend.cities.profile_schema')),
                ('published_at', models.DateTimeField(auto_now_add=True)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='cities.profile')),
                ('published_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['data'], name='version_data', opclasses=['jsonb_path_ops'])],
                'constraints': [models.UniqueConstraint(fields=('profile', 'number'), name='version_number_once'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='version_number_positive')],
            },
        ),
        migrations.AddField(
            model_name='profile',
            name='current_version',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.profileversion'),
        ),
        migrations.CreateModel(
            name='VettingApproval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.PositiveIntegerField(help_text="The draft's revision that was read; a yes to an older one counts no more")),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='cities.profile')),
                ('version', models.OneToOneField(help_text='What it published; empty: it needed a second', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='approval', to='cities.profileversion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('profile', 'revision', 'by'), name='approval_once_a_curator')],
            },
        ),
        migrations.CreateModel(
            name='VettingLetter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(max_length=200, upload_to='letters/')),
                ('original_name', models.CharField(max_length=200)),
                ('content_type', models.CharField(max_length=40)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='letters', to='cities.profile')),
            ],
        ),
        migrations.CreateModel(
            name='VettingNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=[('eligibility_unclear', 'Eligibility unclear'), ('senior_official_questionable', 'Senior official questionable'), ('letter_missing', 'Letter missing'), ('community_already_registered', 'Community already registered'), ('wrong_community', 'Wrong community'), ('answers_need_work', 'Some answers need work')], max_length=40)),
                ('text', models.TextField(max_length=4000)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('answer', models.TextField(blank=True, help_text='What the owner wrote when handing the profile in again', max_length=4000)),
                ('answered_at', models.DateTimeField(null=True)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='vetting_notes', to='cities.profile')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('answer', ''), ('answered_at__isnull', False), _connector='OR'), name='note_answer_complete')],
            },
        ),
        migrations.CreateModel(
            name='CommunityRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('official', 'Official'), ('committee_member', 'Committee member'), ('chair', 'Committee chair')], max_length=20)),
                ('vetted_at', models.DateTimeField(help_text='When staff confirmed the person; empty: an unvetted registrant.', null=True)),
                ('started_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='roles', to='cities.community')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='community_roles', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('user', 'community'), name='role_one_active_per_person'), models.CheckConstraint(condition=models.Q(('role__in', ['official', 'committee_member', 'chair'])), name='role_known')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(help_text='In lower case; only an account with this address can accept.', max_length=254)),
                ('role', models.CharField(choices=[('official', 'Official'), ('committee_member', 'Committee member'), ('chair', 'Committee chair')], max_length=20)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('accepted', 'Accepted'), ('revoked', 'Taken back'), ('expired', 'Expired')], default='pending', max_length=10)),
                ('invited_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(help_text='When it was accepted, taken back or expired.', null=True)),
                ('accepted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='cities.community')),
                ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), models.F('community'), condition=models.Q(('status', 'pending')), name='invitation_one_pending'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'accepted', 'revoked', 'expired'])), name='invitation_status_known'), models.CheckConstraint(condition=models.Q(('role__in', ['official', 'committee_member', 'chair'])), name='invitation_role_known'), models.CheckConstraint(condition=models.Q(('status', 'pending'), ('settled_at__isnull', False), _connector='XOR'), name='invitation_settled_complete'), models.CheckConstraint(condition=models.Q(models.Q(('accepted_by__isnull', False), ('status', 'accepted')), models.Q(models.Q(('status', 'accepted'), _negated=True), ('accepted_by__isnull', True)), _connector='OR'), name='invitation_accepted_by_somebody'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('invited_at'))), name='invitation_expires_later')],
            },
        ),
        migrations.CreateModel(
            name='JoinRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('official', 'Official'), ('committee_member', 'Committee member'), ('chair', 'Committee chair')], max_length=20)),
                ('line', models.CharField(blank=True, help_text="Why, in the person's words; goes when the person is erased.", max_length=300)),
                ('status', models.CharField(choices=[('waiting', 'Waiting for an answer'), ('accepted', 'Accepted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='waiting', max_length=10)),
                ('asked_at', models.DateTimeField(auto_now_add=True)),
                ('answered_at', models.DateTimeField(null=True)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='join_requests', to='cities.community')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='join_requests', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status', 'waiting')), fields=['id'], name='join_request_waiting')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'waiting')), fields=('user', 'community'), name='join_request_one_waiting'), models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'accepted', 'refused', 'withdrawn'])), name='join_request_status_known'), models.CheckConstraint(condition=models.Q(('role__in', ['official', 'committee_member', 'chair'])), name='join_request_role_known'), models.CheckConstraint(condition=models.Q(('status', 'waiting'), ('answered_at__isnull', False), _connector='XOR'), name='join_request_answer_complete')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dues_class', models.CharField(choices=[('under_25k', 'Under 25,000'), ('under_100k', '25,000 to 99,999'), ('under_500k', '100,000 to 499,999'), ('large', '500,000 and more')], max_length=12)),
                ('started_on', models.DateField()),
                ('paid_through', models.DateField(help_text='The last day that dues cover; empty: no such day is recorded, nothing lapses', null=True)),
                ('ended_on', models.DateField(null=True)),
                ('standing', models.CharField(choices=[('good', 'In good standing'), ('lapsed', 'Lapsed')], default='good', max_length=8)),
                ('reminded_for', models.DateField(help_text='The last day of the term of which the community was reminded', null=True)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='cities.community')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_on__isnull', True)), fields=('community',), name='membership_one_current'), models.CheckConstraint(condition=models.Q(('ended_on__isnull', True), ('ended_on__gte', models.F('started_on')), _connector='OR'), name='membership_dates_ordered'), models.CheckConstraint(condition=models.Q(('paid_through__isnull', True), ('paid_through__gte', models.F('started_on')), _connector='OR'), name='membership_term_ordered'), models.CheckConstraint(condition=models.Q(('standing__in', ['good', 'lapsed'])), name='membership_standing_known')],
            },
        ),
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('office', models.CharField(blank=True, max_length=120)),
                ('email', models.EmailField(max_length=254)),
                ('phone', models.CharField(blank=True, max_length=40)),
                ('is_primary', models.BooleanField(default=False)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='cities.organisation')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_primary', True)), fields=('organisation',), name='contact_one_primary')],
            },
        ),
        migrations.AddConstraint(
            model_name='profile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['published', 'stale', 'paused', 'fulfilled']), _negated=True), models.Q(('current_version__isnull', False), ('confirmed_at__isnull', False)), _connector='OR'), name='profile_published_has_version'),
        ),
    ]
