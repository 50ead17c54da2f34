"""The measures of the engine as one HTML page."""

from backend.suggestions.report.measures import Answers, Measures, take_measures
from backend.suggestions.report.page import write_page
from backend.suggestions.report.text import market_table

__all__ = ["Answers", "Measures", "market_table", "take_measures", "write_page"]
