"""The measures of the engine as one HTML page."""

from backend.suggestions.report.measures import Answers, Measures, take_measures
from backend.suggestions.report.page import write_page

__all__ = ["Answers", "Measures", "take_measures", "write_page"]
