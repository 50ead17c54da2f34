"""Many acts on one pair at the same moment, on real connections, and what must be true after them
whatever came first.

``python3 manage.py race_workflow`` runs it in a scratch database beside the service's own.
"""
