"""Sets of fonts that pages are measured with: the same words are of another width on each machine.

A page is measured as it stands, and then with each set that this machine has, by putting the set's
families before those that the page's own style sheets name. That takes milliseconds, where another
browser for each set would take the whole walk again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from playwright.sync_api import Browser, CDPSession, Page

from tests import fonts_said


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
    fonts_said.say([f"the system's ({', '.join(systems)})", *_present], lacking)


def _drawn_with(page: Page, session: CDPSession, family: str) -> str:
    """The family that the browser takes where a page asks for this one."""
    page.set_content(f'<p style="font-family: {family}">Word</p>')
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": "p"})["nodeId"]
    used = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    return str(used[0]["familyName"])
