"""A row of each model, valid by default. ``CommunityFactory(published=True)`` is a whole community
that seeks partners.
"""

from tests.factories.communities import *  # noqa: F403
from tests.factories.pairs import *  # noqa: F403
