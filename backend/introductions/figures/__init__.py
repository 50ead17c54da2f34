from backend.introductions.figures.funnel import introduced_by_hand
from backend.introductions.figures.scope import Scope
from backend.introductions.figures.tables import TABLES, Table, figures_table

__all__ = ["TABLES", "Scope", "Table", "figures_table", "introduced_by_hand"]
