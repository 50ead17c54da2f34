import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cities', '0001_initial'),
        ('outbox', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='A kind that a module ``notices`` declares; the database knows no list of them', max_length=20)),
                ('subject_id', models.BigIntegerField(help_text='What it is about: an introduction, a profile, …; by kind', null=True)),
                ('payload', models.JSONField(default=dict, help_text='Ids and counts only; words are made when it is shown')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('read_at', models.DateTimeField(null=True)),
                ('community', models.ForeignKey(help_text="The recipient's side", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cities.community')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='outbox.event')),
                ('recipient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['recipient', '-id'], name='notification_inbox')],
                'constraints': [models.UniqueConstraint(fields=('recipient', 'event', 'kind', 'community'), name='notification_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(default='mail', max_length=8)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('sent', 'Sent'), ('failed', 'Refused for good'), ('dead', 'Given up')], default='pending', max_length=8)),
                ('message_id', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(blank=True)),
                ('notification', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='notifications.notification')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('notification', 'channel'), name='delivery_once'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'sent'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='delivery_sent_complete'), models.CheckConstraint(condition=models.Q(('channel', 'mail')), name='delivery_channel_known')],
            },
        ),
    ]
