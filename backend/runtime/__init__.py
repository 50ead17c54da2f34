"""One machine: packages, embedded PostgreSQL and Valkey, and the supervisor of the service's
processes.

All except the command ``prepare_service`` uses the standard library alone, since it runs before the
packages are installed.
"""
