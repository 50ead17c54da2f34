"""A real Chromium for tests: pages with their console watched and checked with axe, and screenshots
of every page of a walk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests import division
from tests.factories import PASSWORD, current_code

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Each page begins with cold code: what the optimising compilers make of it is thrown away at
    # the next one, and costs more than it saves.
    "--js-flags=--no-opt --no-maglev",
]
WIDTHS = (320, 1280)
# Axe, which reads each colour that it meets once: it asks for the same few of them thousands of
# times on a page, and takes a fifth of its time to read them.
_AXE_SCRIPT = (
    Axe().axe_script
    + """
(() => {
  const {prototype} = axe.commons.color.Color;
  const read = prototype.parseString;
  const known = new Map();
  prototype.parseString = function (text) {
    const found = known.get(text);
    if (found) {
      [this.r, this.g, this.b, this.alpha] = found;
    } else {
      read.call(this, text);
      known.set(text, [this.r, this.g, this.b, this.alpha]);
    }
    return this;
  };
})();"""
)
# Sent once to a window, not to each page: half a megabyte on its way takes twice the time that it
# runs. A page that is not looked at does not compile it.
_LOAD_AXE = f"window.loadAxe = () => {{{_AXE_SCRIPT}}};"
# All rules that are on by default. One of them waits for sound and video to load; the styles, which
# axe would read again at each run, are for a rule that is off.
_OPTIONS = "{resultTypes: ['violations'], preload: {assets: ['media']}}"


@dataclass(frozen=True, slots=True)
class ParkedBrowser:
    """A Chromium that stays between the tests that use it. Until then the thread does not see
    Playwright's event loop: other tests run loops of their own.
    """

    chromium: Browser
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def in_use(self) -> Iterator[Browser]:
        """The browser; whatever windows were opened are closed afterwards."""
        asyncio._set_running_loop(self.loop)
        try:
            yield self.chromium
            for context in self.chromium.contexts:
                context.close()
        finally:
            asyncio._set_running_loop(None)


@contextmanager
def parked_browser(path: str) -> Iterator[ParkedBrowser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        parked = ParkedBrowser(browser, asyncio.get_running_loop())
        try:
            find_sets(browser)
            asyncio._set_running_loop(None)
            yield parked
        finally:
            asyncio._set_running_loop(parked.loop)
            browser.close()


@dataclass
class Visitor:
    """One person at a browser window of their own."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    received: int = 0
    has_axe: bool = False

    @classmethod
    def at(
        cls,
        browser: Browser,
        base: str,
        *,
        width: int = 1280,
        javascript: bool = True,
        locale: str = "en-US",
    ) -> Self:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=javascript, locale=locale
        )
        visitor = cls(context.new_page(), base)
        visitor.page.set_default_timeout(10_000)
        visitor.page.on("console", lambda message: visitor._note(message.type, message.text))
        visitor.page.on("pageerror", lambda error: visitor._note("error", str(error)))
        return visitor

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def sign_in(self, email: str) -> None:
        self.open("/account/login/")
        self.page.fill("#id_login", email)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("main form:first-of-type button[type=submit]")
        if "staff" in email:
            self.page.fill("#id_code", current_code())
            self.page.click("main form:first-of-type button[type=submit]")
        self.page.wait_for_url("**/dashboard/" if "staff" not in email else "**/staff/")

    def shows(self, path: str, text: str) -> bool:
        """Whether the page, opened now, has the words in its main part."""
        self.open(path)
        return text in self.page.inner_text("main")

    def wait_until_styled(self) -> None:
        """A page can be read before its style sheets have come; what it looks like is not known
        until then.
        """
        self.page.wait_for_load_state("load")

    def overflow(self) -> list[str]:
        """By how much the page is wider than the window, one line for each set of fonts with which
        it is.
        """
        self.wait_until_styled()
        return [f"{over} px too wide with {name}" for name, over in too_wide(self.page).items()]

    def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA and its best practices, one line each."""
        self.wait_until_styled()
        self._load_axe()
        return self._found_by_axe()

    def _load_axe(self) -> None:
        """Into the present page; those that this window opens later have it at hand."""
        if not self.has_axe:
            self.page.context.add_init_script(_LOAD_AXE)
            self.page.evaluate(_LOAD_AXE)
            self.has_axe = True
        self.page.evaluate("loadAxe()")

    def _found_by_axe(self) -> list[str]:
        """Of the page that axe is loaded into."""
        found = self.page.evaluate(f"axe.run({_OPTIONS}).then(results => results.violations)")
        return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found]

    def defects(self, name: str) -> list[str]:
        """What axe finds and with which fonts the page is too wide, at both widths; a picture of
        each where they are asked for.
        """
        wrong = []
        before = self.page.viewport_size
        folder = os.environ.get("CSC_SCREENSHOTS")
        self.wait_until_styled()
        self._load_axe()
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 800})
            wrong += [f"{width} px: {line}" for line in self._found_by_axe()]
            wrong += [f"{width} px: {line}" for line in self.overflow()]
            if folder:
                language = self.page.get_attribute("html", "lang")
                self.page.screenshot(
                    path=Path(folder) / f"{name} {language} {width}.png".replace(" ", "_"),
                    full_page=True,
                )
        if before is not None:
            self.page.set_viewport_size(before)
        return wrong


WIDE, NARROW = 1280, 320
ROOT = Path(__file__).resolve().parents[2]


class Album:
    """The pages of one walk, each looked at by axe and for sideways scrolling. Pictures of them are
    kept where somebody may look at them: ``artefacts/<walk>/`` in the repository when the walk is
    asked for by name, else only below the folder that CSC_SCREENSHOTS names.
    """

    def __init__(self, walk: str) -> None:
        whole_suite = "PYTEST_XDIST_WORKER" in os.environ
        above = os.environ.get("CSC_SCREENSHOTS") or (None if whole_suite else ROOT / "artefacts")
        self.folder = Path(above) / walk if above else None
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob("*.png"):
                old.unlink()
        self.defects: dict[str, list[str]] = {}
        self._count = 0

    def keep(self, visitor: Visitor, name: str) -> None:
        """The present page, at both widths. What is wrong with it is collected, so that one
        run tells of every page.
        """
        self._count += 1
        title, page = f"{self._count:02d}-{name}", visitor.page
        visitor.wait_until_styled()
        page.set_viewport_size({"width": NARROW, "height": 800})
        wrong = [f"{NARROW} px: {line}" for line in visitor.overflow()]
        self._take_picture(page, f"{title}-{NARROW}")
        page.set_viewport_size({"width": WIDE, "height": 800})
        self._take_picture(page, f"{title}-{WIDE}")
        if wrong := wrong + visitor.violations():
            self.defects[title] = wrong

    def _take_picture(self, page: Page, title: str) -> None:
        if self.folder:
            page.screenshot(path=self.folder / f"{title}.png", full_page=True)


@dataclass(frozen=True, slots=True)
class FontSet:
    """What a list of fonts that ends in one of these generic families begins with."""

    package: str
    sans_serif: str
    serif: str
    monospace: str


SETS = {
    "DejaVu": FontSet("fonts-dejavu-core", "DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"),
    "Noto": FontSet("fonts-noto-core", "Noto Sans", "Noto Serif", "Noto Sans Mono"),
    "Noto CJK": FontSet(
        "fonts-noto-cjk", "Noto Sans CJK JP", "Noto Serif CJK JP", "Noto Sans Mono CJK JP"
    ),
}
THE_SYSTEMS = "the system's fonts"
_present: dict[str, FontSet] | None = None

# For each set: changes every list of fonts in the style sheets (also one kept in a variable),
# measures, and puts all back.
_MEASURE = r"""sets => {
  const root = document.documentElement;
  const too_wide = () => root.scrollWidth - root.clientWidth;
  const lists = [];
  const collect = rules => {
    for (const rule of rules) {
      for (const name of rule.style ?? []) {
        const list = rule.style.getPropertyValue(name);
        const generic = /(?:^|,)\s*(sans-serif|serif|monospace)\s*(?:,|$)/.exec(list)?.[1];
        if (generic && (name === 'font-family' || name.startsWith('--')))
          lists.push({
            style: rule.style, name, list, generic,
            priority: rule.style.getPropertyPriority(name),
          });
      }
      collect(rule.cssRules ?? []);
    }
  };
  const found = {"": too_wide()};
  for (const sheet of document.styleSheets) collect(sheet.cssRules);
  if (!lists.length) throw new Error('no style sheet of this page names a font');
  for (const [set, family] of Object.entries(sets)) {
    for (const {style, name, list, generic, priority} of lists)
      style.setProperty(name, `"${family[generic.replace('-', '_')]}", ${list}`, priority);
    found[set] = too_wide();
  }
  for (const {style, name, list, priority} of lists) style.setProperty(name, list, priority);
  return found;
}"""


def present() -> dict[str, FontSet]:
    """The sets that this machine has; known once a browser runs."""
    return _present or {}


def too_wide(page: Page) -> dict[str, int]:
    """By how many pixels the page is wider than the window, for each set of fonts with which it
    is.
    """
    measured: dict[str, int] = page.evaluate(
        _MEASURE, {name: asdict(fonts) for name, fonts in present().items()}
    )
    return {name or THE_SYSTEMS: over for name, over in measured.items() if over > 0}


def find_sets(browser: Browser) -> None:
    """Sees, once in a process, which sets the machine has and what its own fonts are, and says it
    at the end of the run.
    """
    global _present
    if _present is not None:
        return
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    systems = [_drawn_with(page, session, generic) for generic in ("system-ui", "serif")]
    drawn = {
        name: _drawn_with(page, session, f"'{fonts.sans_serif}'") for name, fonts in SETS.items()
    }
    _present = {name: fonts for name, fonts in SETS.items() if drawn[name] == fonts.sans_serif}
    page.close()
    lacking = [f"{name} ({fonts.package})" for name, fonts in SETS.items() if name not in _present]
    division.say_fonts([f"the system's ({', '.join(systems)})", *_present], lacking)


def _drawn_with(page: Page, session: CDPSession, family: str) -> str:
    """The family that the browser takes where a page asks for this one."""
    page.set_content(f'<p style="font-family: {family}">Word</p>')
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": "p"})["nodeId"]
    used = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    return str(used[0]["familyName"])
