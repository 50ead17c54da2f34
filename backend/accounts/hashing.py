"""How passwords are hashed in tests."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class FewRounds(PBKDF2PasswordHasher):
    """Django's own, but as quick as it is weak: for ``CSC_MODE=test`` alone, where people sign in
    hundreds of times.
    """

    iterations = 10
