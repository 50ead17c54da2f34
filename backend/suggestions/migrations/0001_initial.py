import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cities', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Pair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('a_country', models.CharField(max_length=2)),
                ('b_country', models.CharField(max_length=2)),
                ('closed_until', models.DateTimeField(help_text='Cooling period after a decline.', null=True)),
                ('block_reason', models.CharField(blank=True, choices=[('to_introduce', 'Staff prepare an introduction; the sides do not know it yet'), ('introduced', 'Introduced by staff'), ('partners', 'Partners already')], help_text='Why no suggestion may be made of it, whatever its score', max_length=12)),
                ('a', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pairs_as_a', to='cities.community')),
                ('b', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pairs_as_b', to='cities.community')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('block_reason__in', ['', 'to_introduce', 'introduced', 'partners'])), name='pair_block_reason_known'), models.UniqueConstraint(fields=('a', 'b'), name='pair_once'), models.CheckConstraint(condition=models.Q(('a__lt', models.F('b'))), name='pair_ordered'), models.CheckConstraint(condition=models.Q(('a_country', models.F('b_country')), _negated=True), name='pair_two_countries')],
            },
        ),
        migrations.CreateModel(
            name='ExclusionRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('home_admin1_code', models.CharField(blank=True, help_text='State, as the gazetteer codes it; empty: all', max_length=20)),
                ('admin1_code', models.CharField(blank=True, help_text='First-level division of the country; empty: all', max_length=20)),
                ('because', models.TextField(max_length=2000)),
                ('source', models.TextField(help_text='Where the rule comes from: a link or a reference in words', max_length=1000)),
                ('from_on', models.DateField()),
                ('until_on', models.DateField(help_text='Last day; empty: until lifted', null=True)),
                ('set_at', models.DateTimeField(auto_now_add=True)),
                ('lifted_at', models.DateTimeField(null=True)),
                ('lifted_because', models.TextField(blank=True, max_length=2000)),
                ('country', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cities.country')),
                ('lifted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('pair', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='exclusion_rules', to='suggestions.pair')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('admin1_code', ''), ('country__isnull', True), ('home_admin1_code', ''), ('pair__isnull', False)), models.Q(('country__isnull', False), ('pair__isnull', True)), _connector='OR'), name='exclusion_rule_of_pair_or_jurisdiction'), models.CheckConstraint(condition=models.Q(('country', 'US'), _negated=True), name='exclusion_rule_abroad'), models.CheckConstraint(condition=models.Q(('until_on__isnull', True), ('until_on__gte', models.F('from_on')), _connector='OR'), name='exclusion_rule_dates_ordered'), models.CheckConstraint(condition=models.Q(models.Q(('because', ''), _negated=True), models.Q(('source', ''), _negated=True)), name='exclusion_rule_explained'), models.CheckConstraint(condition=models.Q(models.Q(('lifted_at__isnull', True), ('lifted_because', ''), ('lifted_by__isnull', True)), models.Q(('lifted_at__isnull', False), ('lifted_by__isnull', False), models.Q(('lifted_because', ''), _negated=True)), _connector='OR'), name='exclusion_rule_lifting_complete')],
            },
        ),
        migrations.CreateModel(
            name='ReleasePolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mode', models.CharField(choices=[('all', 'Release all at once'), ('above', 'Release those above a score'), ('by_hand', 'Staff release each by hand')], max_length=8)),
                ('threshold', models.FloatField(help_text='Lowest score that is released by itself, in [0, 1]; for the mode above alone', null=True)),
                ('because', models.TextField(max_length=1000)),
                ('set_at', models.DateTimeField(auto_now_add=True)),
                ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('mode__in', ['all', 'above', 'by_hand'])), name='release_policy_mode_known'), models.CheckConstraint(condition=models.Q(models.Q(('mode', 'above'), ('threshold__gte', 0), ('threshold__lte', 1)), models.Q(models.Q(('mode', 'above'), _negated=True), ('threshold__isnull', True)), _connector='OR'), name='release_policy_threshold_with_mode')],
            },
        ),
        migrations.CreateModel(
            name='ScoringRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('running', 'Running'), ('complete', 'Complete'), ('failed', 'Failed')], default='running', max_length=10)),
                ('reason', models.CharField(help_text='nightly, requested, first', max_length=40)),
                ('k', models.PositiveSmallIntegerField()),
                ('weights', models.JSONField(help_text='The weights in force, frozen')),
                ('snapshot', models.BinaryField(help_text='The frozen records, compressed; emptied when the run is no longer current')),
                ('snapshot_version', models.CharField(max_length=64)),
                ('left_count', models.PositiveIntegerField()),
                ('right_count', models.PositiveIntegerField()),
                ('shard_count', models.PositiveIntegerField()),
                ('pairs_scored', models.BigIntegerField(default=0)),
                ('suggestions_made', models.PositiveIntegerField(default=0)),
                ('begun_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True)),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['running', 'complete', 'failed'])), name='run_status_known'), models.UniqueConstraint(condition=models.Q(('status', 'running')), fields=('status',), name='run_one_running'), models.CheckConstraint(condition=models.Q(('status', 'running'), ('finished_at__isnull', False), _connector='OR'), name='run_finished_complete')],
            },
        ),
        migrations.CreateModel(
            name='RankedPair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('score', models.FloatField()),
                ('left_preference', models.FloatField()),
                ('right_preference', models.FloatField()),
                ('left_coverage', models.FloatField()),
                ('right_coverage', models.FloatField()),
                ('left_rank', models.PositiveIntegerField(help_text="Among left's k best, 1 = best", null=True)),
                ('right_rank', models.PositiveIntegerField(help_text="Among right's k best, 1 = best", null=True)),
                ('expected_matches', models.FloatField(help_text="Expected matches, where the allocation under both sides' capacity suggests the pair; empty: it does not", null=True)),
                ('left', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.community')),
                ('right', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.community')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ranked', to='suggestions.scoringrun')),
            ],
            options={
                'indexes': [models.Index(fields=['run', 'right'], name='ranked_by_right')],
                'constraints': [models.UniqueConstraint(fields=('run', 'left', 'right'), name='ranked_once')],
            },
        ),
        migrations.CreateModel(
            name='CurrentRun',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('flipped_at', models.DateTimeField()),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='suggestions.scoringrun')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='current_run_single')],
            },
        ),
        migrations.CreateModel(
            name='ScoringShard',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('index', models.PositiveIntegerField()),
                ('row_start', models.PositiveIntegerField()),
                ('row_stop', models.PositiveIntegerField()),
                ('pairs_scored', models.BigIntegerField(default=0)),
                ('seconds', models.FloatField(null=True)),
                ('result', models.BinaryField(help_text="Its rows' k best and the other side's k best among them, packed; emptied when the run is over", null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shards', to='suggestions.scoringrun')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'index'), name='shard_once'), models.CheckConstraint(condition=models.Q(('row_stop__gt', models.F('row_start'))), name='shard_rows_ordered')],
            },
        ),
        migrations.CreateModel(
            name='StoredProspects',
            fields=[
                ('community', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='prospects', serialize=False, to='cities.community')),
                ('scored_at', models.DateTimeField()),
                ('prospects', models.JSONField(help_text='Empty: the community had enough suggestions, nothing was computed', null=True)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.profileversion')),
            ],
        ),
        migrations.CreateModel(
            name='Suggestion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('proposed', 'Proposed'), ('held', 'Held'), ('released', 'Released'), ('mutual', 'Mutual interest'), ('introduced', 'Introduced'), ('declined', 'Declined'), ('expired', 'Expired'), ('withdrawn', 'Withdrawn'), ('superseded', 'Superseded')], default='proposed', max_length=12)),
                ('score', models.FloatField(help_text='Product of both preferences, in [0, 1]: orders pairs, and is no probability')),
                ('a_preference', models.FloatField()),
                ('b_preference', models.FloatField()),
                ('a_coverage', models.FloatField()),
                ('b_coverage', models.FloatField()),
                ('a_rank', models.PositiveIntegerField(help_text="b's place, 1 = best, among the communities that a's own wishes allowed when it was made; empty: made before places were kept", null=True)),
                ('b_rank', models.PositiveIntegerField(null=True)),
                ('a_candidates', models.PositiveIntegerField(help_text="How many communities a's own wishes allowed", null=True)),
                ('b_candidates', models.PositiveIntegerField(null=True)),
                ('a_reasons', models.JSONField(default=dict, help_text='Why a would choose b: an explanation as backend.suggestions.scoring writes it')),
                ('b_reasons', models.JSONField(default=dict)),
                ('a_state', models.CharField(choices=[('pending', 'No answer yet'), ('interested', 'Interested'), ('declined', 'Declined'), ('expired', 'Expired'), ('withdrawn', 'Withdrawn')], default='pending', max_length=12)),
                ('b_state', models.CharField(choices=[('pending', 'No answer yet'), ('interested', 'Interested'), ('declined', 'Declined'), ('expired', 'Expired'), ('withdrawn', 'Withdrawn')], default='pending', max_length=12)),
                ('expected_matches', models.FloatField(default=0, help_text='Expected matches by the allocation, which chose it; no order of any list')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('released_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('a_final_at', models.DateTimeField(help_text="From when a's answer takes effect and can no longer be undone.", null=True)),
                ('b_final_at', models.DateTimeField(null=True)),
                ('reminded_at', models.DateTimeField(help_text='When the sides that had not answered were reminded of the end.', null=True)),
                ('pair', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='suggestions', to='suggestions.pair')),
                ('run', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='suggestions', to='suggestions.scoringrun')),
            ],
            options={
                'indexes': [models.Index(fields=['status', '-score'], name='suggestion_status_score'), models.Index(condition=models.Q(('status', 'released')), fields=['expires_at'], name='suggestion_expiring')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['proposed', 'held', 'released', 'mutual', 'introduced'])), fields=('pair',), name='suggestion_one_open'), models.CheckConstraint(condition=models.Q(('status__in', ['proposed', 'held', 'released', 'mutual', 'introduced', 'declined', 'expired', 'withdrawn', 'superseded'])), name='suggestion_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['mutual', 'introduced']), _negated=True), models.Q(('a_state', 'interested'), ('b_state', 'interested')), _connector='OR'), name='suggestion_mutual_means_both'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['released', 'mutual', 'introduced']), _negated=True), ('released_at__isnull', False), _connector='OR'), name='suggestion_released_complete'), models.CheckConstraint(condition=models.Q(('a_preference__gte', 0), ('a_preference__lte', 1), ('b_preference__gte', 0), ('b_preference__lte', 1), ('score__gte', 0), ('score__lte', 1)), name='suggestion_scores_in_range')],
            },
        ),
        migrations.CreateModel(
            name='ShortlistEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('added_at', models.DateTimeField(auto_now_add=True)),
                ('added_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shortlist_entries', to='cities.community')),
                ('suggestion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shortlist_entries', to='suggestions.suggestion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('suggestion', 'community'), name='shortlist_once')],
            },
        ),
        migrations.CreateModel(
            name='SetAsideVote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('because', models.TextField(help_text='For the voter, and who reads the vote.', max_length=1000)),
                ('put_back_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='set_aside_votes', to='cities.community')),
                ('put_back_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('voter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('suggestion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='set_aside_votes', to='suggestions.suggestion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('put_back_at__isnull', True)), fields=('suggestion', 'community', 'voter'), name='vote_set_aside_once'), models.CheckConstraint(condition=models.Q(models.Q(('put_back_at__isnull', True), ('put_back_by__isnull', True)), models.Q(('put_back_at__isnull', False), ('put_back_by__isnull', False)), _connector='OR'), name='vote_put_back_complete')],
            },
        ),
        migrations.CreateModel(
            name='PartnerRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('note', models.TextField(blank=True, help_text='Why; for staff', max_length=1000)),
                ('asked_at', models.DateTimeField()),
                ('answer_at', models.DateTimeField(help_text='When who asked reads an answer, whatever it is')),
                ('answered_at', models.DateTimeField(help_text='When that was announced', null=True)),
                ('assessment', models.JSONField(default=dict, help_text='How the two fit, and what speaks against it; empty: not scored yet')),
                ('status', models.CharField(choices=[('waiting', 'Waits for staff'), ('accepted', 'Accepted'), ('declined', 'Declined by staff')], default='waiting', max_length=8)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_because', models.TextField(blank=True, max_length=2000)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='partner_requests', to='cities.community')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('named', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.community')),
                ('suggestion', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='suggestions.suggestion')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('answered_at__isnull', True)), fields=['answer_at'], name='partner_request_unanswered')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'accepted', 'declined'])), name='partner_request_status_known'), models.CheckConstraint(condition=models.Q(('community', models.F('named')), _negated=True), name='partner_request_of_two'), models.UniqueConstraint(condition=models.Q(('answered_at__isnull', True)), fields=('community', 'named'), name='partner_request_one_open'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('status', 'waiting')), models.Q(models.Q(('status', 'waiting'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False), models.Q(('decided_because', ''), _negated=True)), _connector='OR'), name='partner_request_decision_complete')],
            },
        ),
        migrations.CreateModel(
            name='HandProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('because', models.TextField(max_length=2000)),
                ('overridden', models.JSONField(default=list, help_text='Codes of the wishes that spoke against it')),
                ('overridden_because', models.TextField(blank=True, max_length=2000)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('suggestion', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='hand_proposal', to='suggestions.suggestion')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('because', ''), _negated=True), name='hand_proposal_explained'), models.CheckConstraint(condition=models.Q(('overridden', []), models.Q(('overridden_because', ''), _negated=True), _connector='OR'), name='hand_proposal_override_explained')],
            },
        ),
        migrations.CreateModel(
            name='FollowUp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('introduction_id', models.PositiveBigIntegerField(help_text='The introduction that it is about')),
                ('occasion', models.CharField(choices=[('after_meeting', 'After a meeting'), ('after_three_months', 'After three months')], max_length=18)),
                ('asked_at', models.DateTimeField()),
                ('closes_at', models.DateTimeField(help_text='Until then it is answered, and the answer changed')),
                ('answer', models.CharField(blank=True, choices=[('yes', 'Yes, it is worth going on'), ('no', 'No, we do not fit well enough'), ('too_early', 'Too early to say, or it depends on other things than the fit')], help_text='Empty: not answered', max_length=9)),
                ('answered_at', models.DateTimeField(help_text='When the answer was last changed', null=True)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='follow_ups', to='cities.community')),
                ('suggestion', models.ForeignKey(help_text='What was shown to the side; empty: introduced by hand, which teaches nothing', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='follow_ups', to='suggestions.suggestion')),
            ],
            options={
                'indexes': [models.Index(fields=['community', 'closes_at'], name='follow_up_open')],
                'constraints': [models.UniqueConstraint(fields=('introduction_id', 'community', 'occasion'), name='follow_up_once'), models.CheckConstraint(condition=models.Q(('occasion__in', ['after_meeting', 'after_three_months'])), name='follow_up_occasion_known'), models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answered_at__isnull', True), ('answered_by__isnull', True)), models.Q(('answer__in', ['yes', 'no', 'too_early']), ('answered_at__isnull', False), ('answered_by__isnull', False)), _connector='OR'), name='follow_up_answer_complete'), models.CheckConstraint(condition=models.Q(('asked_at__lt', models.F('closes_at')), models.Q(('answered_at__isnull', True), ('answered_at__lt', models.F('closes_at')), _connector='OR')), name='follow_up_times_ordered')],
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('answer', models.CharField(choices=[('interested', 'Interested'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], max_length=12)),
                ('reason', models.CharField(blank=True, choices=[('no_fit', 'The fit is not right for us'), ('no_capacity', 'We have no capacity now'), ('no_support', 'No support in council or committee'), ('too_far_apart', 'Too different in size or needs'), ('country', 'Not with this country now'), ('already_in_touch', 'Already in touch with them'), ('other', 'Another reason')], max_length=20)),
                ('comment', models.TextField(blank=True, help_text='For staff; the other side never reads it.', max_length=2000)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('undone_at', models.DateTimeField(help_text='Taken back before it took effect.', null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='decisions', to='cities.community')),
                ('undone_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('suggestion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='decisions', to='suggestions.suggestion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('undone_at__isnull', True)), fields=('suggestion', 'community', 'answer'), name='decision_once'), models.CheckConstraint(condition=models.Q(models.Q(('undone_at__isnull', True), ('undone_by__isnull', True)), models.Q(('undone_at__isnull', False), ('undone_by__isnull', False)), _connector='OR'), name='decision_undone_complete'), models.CheckConstraint(condition=models.Q(models.Q(('answer', 'declined'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='decision_decline_has_reason')],
            },
        ),
        migrations.CreateModel(
            name='Vote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('choice', models.CharField(choices=[('yes', 'Yes'), ('maybe', 'Maybe'), ('no', 'No')], max_length=5)),
                ('comment', models.TextField(blank=True, max_length=2000)),
                ('voted_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='votes', to=settings.AUTH_USER_MODEL)),
                ('community', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='votes', to='cities.community')),
                ('suggestion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='votes', to='suggestions.suggestion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('suggestion', 'community', 'by'), name='vote_once'), models.CheckConstraint(condition=models.Q(('choice__in', ['yes', 'maybe', 'no'])), name='vote_choice_known')],
            },
        ),
        migrations.CreateModel(
            name='WeightSet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('weights', models.JSONField(help_text='As backend.suggestions.scoring reads them')),
                ('source', models.CharField(help_text='learned, or who set them', max_length=60)),
                ('metrics', models.JSONField(default=dict, help_text='Held-out calibration, beside that of the weights then in use')),
                ('decisions', models.PositiveIntegerField(help_text='How many decisions they rest on')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('in_force', models.BooleanField(default=False)),
                ('promoted_at', models.DateTimeField(null=True)),
                ('promoted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('in_force', True)), fields=('in_force',), name='weights_one_in_force'), models.CheckConstraint(condition=models.Q(('in_force', False), models.Q(('promoted_at__isnull', False), ('promoted_by__isnull', False)), _connector='OR'), name='weights_in_force_promoted')],
            },
        ),
        migrations.CreateModel(
            name='AnswerRule',
            fields=[
                ('community', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='answer_rule', serialize=False, to='cities.community')),
                ('kind', models.CharField(choices=[('chair', 'The chair decides'), ('majority', 'A majority of the votes decides')], max_length=10)),
                ('votes_needed', models.PositiveSmallIntegerField(help_text='How many must have voted; for a majority alone', null=True)),
                ('set_at', models.DateTimeField(auto_now=True)),
                ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('kind', 'chair'), ('votes_needed__isnull', True)), models.Q(('kind', 'majority'), ('votes_needed__gte', 1)), _connector='OR'), name='answer_rule_complete')],
            },
        ),
    ]
