"""A Chromium that is already on the machine, driven by Playwright, and the built pages in the order of the book."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
MISSING = "no Chromium was found: install Chromium or Chrome, or name its program in the environment variable CHROMIUM"


def find_chromium() -> str | None:
    """The program of a Chromium or Chrome, or None."""
    wanted = os.environ.get("CHROMIUM")
    if wanted:
        return shutil.which(wanted)
    found = [shutil.which(name) for name in (*NAMES, *PLACES)]
    return next((program for program in found if program), None)


@contextmanager
def chromium(program: str):
    """One headless browser, closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # a container has no user namespaces and little shared memory; the pages are our own files
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


def built_pages(folder: Path) -> list[Path]:
    """The pages of a built book, in the order of its contents, the start page first."""
    from bs4 import BeautifulSoup

    start = folder / "book" / "index.html"
    if not start.exists():
        raise SystemExit(f"{folder} holds no built book: run `make book` first")
    soup = BeautifulSoup(start.read_text(encoding="utf-8"), "html.parser")
    links = [link["href"].split("#")[0] for link in soup.select(".bd-sidebar-primary nav a.internal[href]")]
    ordered = [start, *((start.parent / link).resolve() for link in links if link)]
    return list(dict.fromkeys(path for path in ordered if path.exists()))


def open_page(page, path: Path) -> None:
    """Load a built page and wait until its pictures and its formulas are drawn."""
    page.goto(path.resolve().as_uri(), wait_until="load", timeout=180_000)  # a busy machine is slow
    page.evaluate("""async () => {
        for (const image of document.images) image.loading = "eager";
        await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
        await document.fonts.ready;
        if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
    }""")
