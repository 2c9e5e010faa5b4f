"""What has to hold of every page, whatever it is about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# Without preloading, which makes inline styles: the policy would refuse them. After transitions, in
# which text passes through every contrast; one that is called off rejects, and is over as well.
RUN_AXE = """async (options) => {
  await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
  const { violations } = await axe.run({ resultTypes: ["violations"], preload: false, ...options });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
      `${id}: ${target.join(" ")}: ${failureSummary.replace(/\\s+/g, " ")}`));
}"""
# What depends on colours, and hardly on the size of the window. By far the slowest of all rules.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
ALL_RULES = {}
ALL_BUT_COLOUR = {"rules": {rule: {"enabled": False} for rule in COLOUR_RULES}}
COLOUR_ALONE = {"runOnly": {"type": "rule", "values": COLOUR_RULES}}
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}  # the narrowest that the console is made for

# WCAG 2.2, 2.5.8: 24 CSS pixels. A link inside a sentence is exempt, and so are stock checkboxes.
SMALL_TARGETS = """() =>
  [...document.querySelectorAll("header a, nav a, button, .button, select, input")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled)
    .filter((one) => !["hidden", "checkbox", "radio"].includes(one.type))
    .filter((one) => !one.closest("[class*=visually-hidden], .skip, .select2-hidden-accessible"))
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([, { width, height }]) => width < 24 || height < 24)
    .map(([one, { width, height }]) =>
      `${one.outerHTML.slice(0, 90)} is ${Math.round(width)} by ${Math.round(height)}`)
"""
# The elements that stick out, so that a failure names them.
WIDER_THAN_THE_WINDOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > width + 1)
    .map((one) => `${one.outerHTML.slice(0, 90)} sticks out`).slice(0, 5);
}"""


def faults(page: Page) -> list[str]:
    """Return what is wrong with the page as it is now, on a desk, light and dark, and on a phone.

    Leaves the page on a desk, in the colours of its system.
    """
    found: list[str] = []
    for size, where in [(PHONE, "phone"), (DESKTOP, "desktop")]:
        page.set_viewport_size(size)
        found += _located(page, where, page.evaluate(SMALL_TARGETS))
        found += _located(page, where, page.evaluate(WIDER_THAN_THE_WINDOW))
        themes: list[tuple[Any, Any]] = [("light", ALL_BUT_COLOUR)]
        if size == DESKTOP:
            themes = [("light", ALL_RULES), ("dark", COLOUR_ALONE)]
        for colours, options in themes:
            page.emulate_media(color_scheme=colours, reduced_motion="reduce")
            found += _located(page, f"{where}, {colours}", _axe(page, options))
    page.emulate_media(color_scheme="null", reduced_motion="null")
    return found


def _axe(page: Page, options: dict[str, Any]) -> Any:
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    return page.evaluate(RUN_AXE, options)


def _located(page: Page, where: str, texts: list[str]) -> Iterator[str]:
    return (f"{page.url} ({where}): {text}" for text in texts)
