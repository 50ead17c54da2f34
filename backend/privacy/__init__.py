"""What belongs to one person across all apps: their acts, their tokens, their data, and their
leaving.
"""
