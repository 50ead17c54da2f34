from backend.cities.models.communities import (
    Community,
    CommunityPicture,
    CommunityRole,
    Contact,
    ExistingPartnership,
    Organisation,
)
from backend.cities.models.people import (
    DuesAmount,
    Invitation,
    JoinRequest,
    MemberImport,
    Membership,
)
from backend.cities.models.places import Country, ListedPartnership, Place, PlaceName, ReferenceLoad
from backend.cities.models.profiles import (
    Profile,
    ProfileVersion,
    SavedSearch,
    SavedSearchHit,
    SeekingEntry,
    VettingApproval,
    VettingLetter,
    VettingNote,
)
from backend.cities.models.tickets import Ticket, TicketMessage

__all__ = [
    "Community",
    "CommunityPicture",
    "CommunityRole",
    "Contact",
    "Country",
    "DuesAmount",
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
    "SavedSearch",
    "SavedSearchHit",
    "SeekingEntry",
    "Ticket",
    "TicketMessage",
    "VettingApproval",
    "VettingLetter",
    "VettingNote",
]
