"""Screenshots of every page of a walk, kept in order, each looked at with axe and for sideways
scrolling.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.web.browser import Visitor

WIDE, NARROW = 1280, 320
ROOT = Path(__file__).resolve().parents[2]


class Album:
    """Pictures of one walk: ``artefacts/<walk>/`` in the repository, or below the folder that
    CSC_SCREENSHOTS names.
    """

    def __init__(self, walk: str) -> None:
        self.folder = Path(os.environ.get("CSC_SCREENSHOTS") or ROOT / "artefacts") / walk
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("*.png"):
            old.unlink()
        self.defects: dict[str, list[str]] = {}
        self._count = 0

    def keep(self, visitor: Visitor, name: str) -> None:
        """The page as it stands, at both widths. What is wrong with it is collected, so that one
        run tells of every page.
        """
        self._count += 1
        title, page = f"{self._count:02d}-{name}", visitor.page
        visitor.wait_until_styled()
        page.set_viewport_size({"width": NARROW, "height": 800})
        wrong = [f"{NARROW} px: {line}" for line in visitor.overflow()]
        page.screenshot(path=self.folder / f"{title}-{NARROW}.png", full_page=True)
        page.set_viewport_size({"width": WIDE, "height": 800})
        page.screenshot(path=self.folder / f"{title}-{WIDE}.png", full_page=True)
        if wrong := wrong + visitor.violations():
            self.defects[title] = wrong
