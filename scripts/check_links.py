"""Follow each link within the built book: the file must be there, and the anchor on it. Part of `make book`."""

import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

ATTRIBUTES = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


def read(path: Path) -> tuple[list[str], set[str]]:
    """The addresses that a page names, and its anchors."""
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "lxml")
    named = [tag[ATTRIBUTES[tag.name]] for tag in soup.find_all(list(ATTRIBUTES)) if tag.get(ATTRIBUTES[tag.name])]
    anchors = {tag["id"] for tag in soup.find_all(id=True)} | {
        tag["name"] for tag in soup.find_all("a", attrs={"name": True})
    }
    return named, anchors


def dead_links(folder: Path) -> list[str]:
    """Links from page to page, picture or script that lead nowhere, a sentence each."""
    pages = {path.resolve(): read(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts}
    dead = []
    for page, (named, _) in pages.items():
        for address in dict.fromkeys(named):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address in ("#", ""):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchor = unquote(parts.fragment)
            where = page.relative_to(folder.resolve()).as_posix()
            if not target.exists():
                dead.append(f"{where}: {address} is not there")
            elif anchor and target in pages and anchor not in pages[target][1]:
                dead.append(f"{where}: {address} has no such anchor")
    return dead


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html")
    dead = dead_links(folder)
    print(*dead, sep="\n", end="\n" if dead else "")
    print(f"links within the book: {len(dead)} dead")
    return int(bool(dead))


if __name__ == "__main__":
    sys.exit(main())
