"""The shape of every error."""

from __future__ import annotations

from rest_framework import serializers


class ProblemSerializer(serializers.Serializer):
    type = serializers.CharField(help_text="about:blank: the status says the kind, `code` says which.")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; programs may branch on it.")
    detail = serializers.CharField(help_text="What is wrong and how to mend it, for people.")
    errors = serializers.DictField(  # type: ignore[assignment]  # the name is the document's
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="For wrong values: messages by dotted field path; the empty path is the whole document.",
    )
    revision = serializers.IntegerField(required=False, help_text="For `newer_draft`: the draft's revision now.")
    conflicts = serializers.DictField(
        child=serializers.DictField(), required=False, help_text="For `newer_draft`: `yours` and `theirs` by `group.question`."
    )
    community_id = serializers.IntegerField(required=False, help_text="For `community_already_registered`: which one to join.")
    communities = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="For `community_looks_registered`: those that may be meant."
    )
