"""What belongs to one person across all apps: their audit log, their tokens, their data, and their
leaving.
"""
