"""Print the built book to one PDF by headless Chromium: `make pdf`.

Each page is printed by itself with its solutions and folded code open; then they are joined in the order of the book,
with an outline, and links from page to page lead to pages of the PDF.
"""

import argparse
import io
from pathlib import Path
from urllib.parse import unquote, urlsplit

from browser import MISSING, built_pages, chromium, find_chromium, open_page

FOOTER = (
    '<div style="width:100%; text-align:center; font-size:8px; color:#666">'
    '<span class="title"></span> · <span class="pageNumber"></span></div>'
)
PAPER = {"format": "A4", "margin": {"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}}


def print_pages(paths: list[Path], program: str) -> list[tuple[str, bytes]]:
    """Title and PDF of each page, on white whatever the reader's theme is."""
    printed = []
    with chromium(program) as browser:
        page = browser.new_page(color_scheme="light")
        for path in paths:
            open_page(page, path)
            page.emulate_media(media="print")
            pdf = page.pdf(**PAPER, display_header_footer=True, header_template="<span></span>", footer_template=FOOTER)
            page.emulate_media(media="screen")
            printed.append((page.locator("h1").first.inner_text().rstrip("#").strip(), pdf))
    return printed


def target(annotation, numbers: dict[Path, int]) -> int | None:
    """The page of the PDF that a link to a page of the book means, if it means one."""
    address = urlsplit(str(annotation.get("/A", {}).get("/URI", "")))
    return numbers.get(Path(unquote(address.path))) if address.scheme == "file" else None


def join(paths: list[Path], printed: list[tuple[str, bytes]], out: Path) -> int:
    """Write one PDF; returns its number of pages."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, Fit, NameObject

    writer, numbers = PdfWriter(), {}
    for path, (title, pdf) in zip(paths, printed, strict=True):
        numbers[path.resolve()] = len(writer.pages)
        writer.append(PdfReader(io.BytesIO(pdf)), import_outline=False)
        writer.add_outline_item(title=title, page_number=numbers[path.resolve()], fit=Fit.fit())
    for page in writer.pages:
        kept = ArrayObject()
        for reference in page.get("/Annots", []):
            annotation = reference.get_object()
            number = target(annotation, numbers)
            if number is not None:
                del annotation["/A"]
                there = [writer.pages[number].indirect_reference, NameObject("/Fit")]
                annotation[NameObject("/Dest")] = ArrayObject(there)
            elif str(annotation.get("/A", {}).get("/URI", "")).startswith("file:"):
                continue  # a download or a picture, which a PDF does not hold
            kept.append(reference)
        page[NameObject("/Annots")] = kept
    writer.add_metadata({"/Title": "R-STMRF"})
    writer.compress_identical_objects()
    writer.write(out)
    return len(writer.pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("_build/html"), help="the built book")
    parser.add_argument("--out", type=Path, default=Path("_build/R-STMRF.pdf"))
    parser.add_argument("--only", help="pages whose name holds this")
    chosen = parser.parse_args()
    program = find_chromium()
    if program is None:
        raise SystemExit(f"The book cannot be printed, because {MISSING}.")
    paths = [path for path in built_pages(chosen.folder) if not chosen.only or chosen.only in path.stem]
    number = join(paths, print_pages(paths, program), chosen.out)
    print(f"{chosen.out}: {len(paths)} chapters on {number} pages, {chosen.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
