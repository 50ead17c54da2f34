"""Who is suggested to whom, so that both sides' best lists do not all lead to the same few."""

from matching.allocation.candidates import Candidates, choose_pairs
from matching.allocation.transfer import Allocation, ConvergenceError
from matching.allocation.welfare import WelfareLists

__all__ = ["Allocation", "Candidates", "ConvergenceError", "WelfareLists", "choose_pairs"]
