"""One machine: packages, embedded PostgreSQL and Valkey, and the supervisor of the service's
processes.

Everything here but ``prepare`` uses the standard library alone, since it runs before the packages
are there.
"""
