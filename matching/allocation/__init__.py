"""Who is suggested to whom, so that both sides' best lists do not all lead to the same few."""

from matching.allocation.candidates import Candidates
from matching.allocation.choice import choose_pairs
from matching.allocation.transfer import Allocation, ConvergenceError

__all__ = ["Allocation", "Candidates", "ConvergenceError", "choose_pairs"]
