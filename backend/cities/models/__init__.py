from backend.cities.models.communities import Community, CommunityRole, Contact, Organisation
from backend.cities.models.existing import ExistingPartnership
from backend.cities.models.memberships import MemberImport, Membership
from backend.cities.models.people import Invitation, JoinRequest
from backend.cities.models.places import Country, ListedPartnership, Place, PlaceName, ReferenceLoad
from backend.cities.models.profiles import Profile, ProfileVersion, VettingLetter, VettingNote
from backend.cities.models.vetting import VettingApproval

__all__ = [
    "Community",
    "CommunityRole",
    "Contact",
    "Country",
    "ExistingPartnership",
    "Invitation",
    "JoinRequest",
    "ListedPartnership",
    "MemberImport",
    "Membership",
    "Organisation",
    "Place",
    "PlaceName",
    "Profile",
    "ProfileVersion",
    "ReferenceLoad",
    "VettingApproval",
    "VettingLetter",
    "VettingNote",
]
