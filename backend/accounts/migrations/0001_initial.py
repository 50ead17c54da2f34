import django.db.models.deletion
import django.db.models.functions.text
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', models.EmailField(help_text='Stored in lower case.', max_length=254, unique=True)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('language', models.CharField(default='en', help_text='Of pages and mails; a code of LANGUAGES.', max_length=10)),
                ('staff_role', models.CharField(blank=True, choices=[('', 'Not staff'), ('curator', 'Curator'), ('admin', 'Administrator')], default='', max_length=10)),
                ('is_active', models.BooleanField(default=True)),
                ('is_sample', models.BooleanField(default=False, help_text='Belongs to the sample world; production refuses to start over one.')),
                ('date_joined', models.DateTimeField(auto_now_add=True)),
                ('erased_at', models.DateTimeField(help_text='When the person left; the row stays for the trail, without them.', null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_once'), models.CheckConstraint(condition=models.Q(('staff_role__in', ['', 'curator', 'admin'])), name='user_staff_role_known'), models.CheckConstraint(condition=models.Q(('erased_at__isnull', True), models.Q(('is_active', False), ('name', ''), ('staff_role', '')), _connector='OR'), name='user_erased_is_closed')],
            },
        ),
        migrations.CreateModel(
            name='AccountMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('to', models.EmailField(max_length=254)),
                ('subject', models.CharField(max_length=200)),
                ('text', models.TextField(blank=True)),
                ('message_id', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('sent', 'Sent'), ('failed', 'Refused for good'), ('dead', 'Given up')], default='pending', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('last_error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(help_text='Whose address it is.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'sent', 'failed', 'dead'])), name='account_mail_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'sent'), _negated=True), models.Q(('sent_at__isnull', False), ('text', '')), _connector='OR'), name='account_mail_sent_complete')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('digest', models.CharField(max_length=128, primary_key=True, serialize=False)),
                ('token_key', models.CharField(db_index=True, max_length=25)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('expiry', models.DateTimeField(blank=True, null=True)),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, help_text='What addresses name it by.', unique=True)),
                ('name', models.CharField(help_text="What it is for, in its owner's words.", max_length=80)),
                ('scope', models.CharField(choices=[('read', 'Read what you may read'), ('act', 'Read, and act for your community'), ('staff_read', 'Read what staff may read'), ('staff_act', 'Read, and act as staff')], max_length=10)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='auth_token_set', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('scope__in', ['read', 'act', 'staff_read', 'staff_act'])), name='api_token_scope_known')],
            },
        ),
    ]
