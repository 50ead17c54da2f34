from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('introductions', '0003_meetings_and_notes'),
    ]

    operations = [
        migrations.AddField(
            model_name='signeddocument',
            name='version_number',
            field=models.PositiveIntegerField(help_text='The version that was before both sides: what was signed', default=1),
            preserve_default=False,
        ),
    ]
