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
                'constraints': [models.CheckConstraint(condition=models.Q(('topic__regex', '^[a-z]+(_[a-z]+)*$')), name='event_topic_is_a_name')],
            },
        ),
        migrations.CreateModel(
            name='ScheduledTick',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('schedule', models.CharField(max_length=40)),
                ('due_at', models.DateTimeField()),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('schedule', 'due_at'), name='scheduled_tick_once')],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('task', models.CharField(max_length=60)),
                ('key', models.CharField(max_length=80)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('leased', 'Leased'), ('done', 'Done'), ('dead', 'Dead')], default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('available_at', models.DateTimeField(help_text='Not before this moment (back-off after a failure).')),
                ('leased_until', models.DateTimeField(null=True)),
                ('lease_token', models.UUIDField(help_text='Only the holder of the token may finish the work.', null=True)),
                ('published_at', models.DateTimeField(help_text='When the relay last published it.', null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('event', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='outbox.event')),
            ],
            options={
                
                'indexes': [models.Index(condition=models.Q(('status', 'pending')), fields=['available_at'], name='job_pending'), models.Index(condition=models.Q(('status', 'leased')), fields=['leased_until'], name='job_leased'), models.Index(condition=models.Q(('status', 'dead')), fields=['-finished_at'], name='job_dead')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'pending')), fields=('task', 'key'), name='job_one_pending_per_key'), models.UniqueConstraint(condition=models.Q(('status', 'leased')), fields=('task', 'key'), name='job_one_leased_per_key'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'leased', 'done', 'dead'])), name='job_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'leased'), ('leased_until__isnull', False), ('lease_token__isnull', False)), models.Q(('status', 'leased'), _negated=True), _connector='OR'), name='job_lease_complete'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['done', 'dead']), _negated=True), ('finished_at__isnull', False), _connector='OR'), name='job_finished_complete')],
            },
        ),
    ]
