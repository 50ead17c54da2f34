from backend.cities.models.communities import Community, CommunityRole, Contact, Membership, Organisation
from backend.cities.models.places import Country, ListedPartnership, Place, PlaceName, ReferenceLoad
from backend.cities.models.profiles import Profile, ProfileVersion, VettingLetter, VettingNote

__all__ = [
    "Community",
    "CommunityRole",
    "Contact",
    "Country",
    "ListedPartnership",
    "Membership",
    "Organisation",
    "Place",
    "PlaceName",
    "Profile",
    "ProfileVersion",
    "ReferenceLoad",
    "VettingLetter",
    "VettingNote",
]
