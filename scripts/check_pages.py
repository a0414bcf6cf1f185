"""Look at each built page in headless Chromium, wide and narrow, light and dark: `make pages`.

A page fails that reports an error in the console, asks another machine for something, shows a broken picture or
raw TeX, or scrolls sideways. `--shots FOLDER` keeps a picture of each. Some two minutes on one core.
"""

import argparse
import re
import sys
from pathlib import Path

from browser import MISSING, built_pages, chromium, find_chromium, open_page

WIDTHS, THEMES = (1280, 390), ("light", "dark")
TEX = re.compile(r"\\\(|\\\[|\$\$|\\[a-zA-Z]{2,}\s*[{_^]|\\begin\{")
#: what a reader sees, without code and formulas that are drawn
PROSE = """() => {
    const skipped = "pre, code, script, style, mjx-container, noscript, .bd-sidebar-primary, mjx-assistive-mml";
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const text = walker.currentNode;
        if (text.data.trim() && !text.parentElement.closest(skipped)) found.push(text.data);
    }
    return found;
}"""
BROKEN = """() => [
    ...[...document.images].filter((image) => image.naturalWidth === 0).map((image) => image.getAttribute("src")),
    ...[...document.querySelectorAll("mjx-merror")].map((formula) => formula.textContent),
]"""
#: how far the page scrolls sideways, and the elements that stand out furthest
SIDEWAYS = """() => {
    const root = document.documentElement, excess = root.scrollWidth - root.clientWidth;
    if (excess < 1) return null;
    const right = (element) => element.getBoundingClientRect().right;
    const wide = [...document.querySelectorAll(".bd-article *, .bd-header *, footer *")]
        .filter((element) => right(element) > root.clientWidth + 1);
    const names = wide.slice(0, 3).map((element) => `${element.tagName.toLowerCase()}.${element.className}`);
    return `${excess} px, ${names.join(", ")}`;
}"""


def set_theme(page, theme: str) -> None:
    """What the theme's own switch does, on the page as it is."""
    page.evaluate("name => Object.assign(document.documentElement.dataset, {theme: name, mode: name})", theme)


def check_page(page, path: Path, shots: Path | None = None) -> list[str]:
    """Everything that is wrong with one page, a sentence each."""
    heard: list[str] = []

    def listen(message):
        if message.type == "error":
            heard.append(f"console: {message.text}")

    def failed(error):
        heard.append(f"console: {error}")

    def asked(request):
        if request.url.startswith("http"):
            heard.append(f"asks another machine for {request.url}")

    heard_by = (("console", listen), ("pageerror", failed), ("request", asked))
    for event, hear in heard_by:
        page.on(event, hear)
    found = []
    open_page(page, path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            set_theme(page, theme)
            where = f"at {width} px, {theme}: "
            found += [f"{where}broken: {what}" for what in page.evaluate(BROKEN)]
            found += [f"{where}raw TeX: {text.strip()[:70]}" for text in page.evaluate(PROSE) if TEX.search(text)]
            sideways = page.evaluate(SIDEWAYS)
            found += [f"{where}scrolls sideways by {sideways}"] if sideways else []
            if shots:
                page.screenshot(path=shots / f"{path.stem}-{width}-{theme}.png", full_page=True)
    for event, hear in heard_by:
        page.remove_listener(event, hear)
    return list(dict.fromkeys(heard)) + found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("_build/html"), help="the built book")
    parser.add_argument("--only", help="pages whose name holds this")
    parser.add_argument("--shots", type=Path, help="folder for pictures of the pages")
    chosen = parser.parse_args()
    program = find_chromium()
    if program is None:
        print(f"The pages were not looked at, because {MISSING}.")
        return 0
    if chosen.shots:
        chosen.shots.mkdir(parents=True, exist_ok=True)
    pages = [path for path in built_pages(chosen.folder) if not chosen.only or chosen.only in path.stem]
    others = [chosen.folder / name for name in ("genindex.html", "search.html") if (chosen.folder / name).exists()]
    bad = 0
    with chromium(program) as browser:
        page = browser.new_page()
        for path in pages + ([] if chosen.only else others):
            wrong = check_page(page, path, chosen.shots)
            bad += bool(wrong)
            print(*(f"{path.stem}: {what}" for what in wrong), sep="\n", end="\n" if wrong else "")
    print(f"{len(pages)} pages at {WIDTHS[0]} and {WIDTHS[1]} px, light and dark: {bad} with something wrong")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
