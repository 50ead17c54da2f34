import backend.outbox.topics
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', models.CharField(max_length=80, primary_key=True, serialize=False)),
                ('beat_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('topic', models.CharField(choices=backend.outbox.topics.topic_choices, max_length=40)),
                ('subject_type', models.CharField(max_length=40)),
                ('subject_id', models.BigIntegerField()),
                ('community_id', models.BigIntegerField(help_text='The community whose trail this belongs to, if it belongs to one.', null=True)),
                ('payload', models.JSONField(default=dict)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('routed_at', models.DateTimeField(help_text='When the relay turned it into work.', null=True)),
                ('by', models.ForeignKey(help_text='Empty: the service.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('routed_at__isnull', True)), fields=['id'], name='event_unrouted'), models.Index(fields=['subject_type', 'subject_id', 'id'], name='event_subject'), models.Index(fields=['community_id', 'id'], name='event_community'), models.Index(fields=['topic', 'id'], name='event_topic')],
                'constraints': [models.CheckConstraint(condition=models.Q(('topic__in', ['user_registered', 'second_factor_changed', 'address_changed', 'staff_role_changed', 'token_created', 'token_revoked', 'data_exported', 'account_erased', 'community_registered', 'profile_draft_saved', 'profile_submitted', 'profile_changes_requested', 'profile_approved', 'profile_published', 'letter_attached', 'letter_read', 'letters_erased', 'membership_begun', 'membership_changed', 'membership_renewed', 'membership_ending', 'membership_lapsed', 'membership_ended', 'members_imported', 'existing_partnerships_claimed', 'existing_partnership_answered', 'profile_confirmation_due', 'profile_confirmed', 'profile_status_changed', 'community_role_changed', 'invitation_sent', 'invitation_accepted', 'invitation_revoked', 'invitation_expired', 'join_requested', 'join_answered', 'join_withdrawn', 'run_requested', 'run_begun', 'run_completed', 'run_failed', 'community_rescored', 'weights_promoted', 'suggestions_changed', 'release_policy_set', 'bar_set', 'bar_lifted', 'suggestion_proposed', 'suggestion_released', 'suggestion_held', 'suggestion_answered', 'suggestion_answer_undone', 'suggestion_closed', 'suggestions_expiring', 'vote_cast', 'vote_removed', 'shortlist_changed', 'answer_rule_set', 'suggestion_expired', 'suggestion_superseded', 'interest_mutual', 'introduction_opened', 'introduction_moved', 'introduction_assigned', 'note_written', 'meeting_proposed', 'meeting_answered', 'meeting_fixed', 'meeting_cancelled', 'consent_given', 'consent_withdrawn', 'agreement_template_saved', 'agreement_version_saved', 'agreement_status_changed', 'agreement_document_added', 'agreement_confirmed', 'agreement_confirmation_withdrawn', 'agreement_recorded', 'partnership_begun', 'partnership_status_changed', 'partnership_renewal_given', 'partnership_activity_logged', 'partnership_activity_retracted', 'partnership_report_due', 'partnership_report_saved', 'contacts_read', 'slot_opened', 'dead_letter_retried'])), name='event_topic_known')],
            },
        ),
        migrations.CreateModel(
            name='Slot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('job', models.CharField(max_length=40)),
                ('slot', models.DateTimeField()),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('job', 'slot'), name='slot_once')],
            },
        ),
        migrations.CreateModel(
            name='Work',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('task', models.CharField(max_length=60)),
                ('key', models.CharField(max_length=80)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('leased', 'Leased'), ('done', 'Done'), ('dead', 'Dead')], default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('available_at', models.DateTimeField(help_text='Not before this moment (back-off after a failure).')),
                ('leased_until', models.DateTimeField(null=True)),
                ('lease_token', models.UUIDField(help_text='Only the holder of the token may finish the work.', null=True)),
                ('published_at', models.DateTimeField(help_text='When the relay last told the broker.', null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('event', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='work', to='outbox.event')),
            ],
            options={
                'verbose_name_plural': 'work',
                'indexes': [models.Index(condition=models.Q(('status', 'pending')), fields=['available_at'], name='work_pending'), models.Index(condition=models.Q(('status', 'leased')), fields=['leased_until'], name='work_leased'), models.Index(condition=models.Q(('status', 'dead')), fields=['-finished_at'], name='work_dead')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'pending')), fields=('task', 'key'), name='work_one_pending_per_key'), models.UniqueConstraint(condition=models.Q(('status', 'leased')), fields=('task', 'key'), name='work_one_leased_per_key'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'leased', 'done', 'dead'])), name='work_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'leased'), ('leased_until__isnull', False), ('lease_token__isnull', False)), models.Q(('status', 'leased'), _negated=True), _connector='OR'), name='work_lease_complete'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['done', 'dead']), _negated=True), ('finished_at__isnull', False), _connector='OR'), name='work_finished_complete')],
            },
        ),
    ]
