"""The sample world: real communities with their real facts and invented profiles, plainly marked,
for trying the service out.
"""

from backend.cities.sample.guard import holds_sample_accounts, refuse_sample_in_production

__all__ = ["holds_sample_accounts", "refuse_sample_in_production"]
