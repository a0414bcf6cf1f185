"""Print the built book to one PDF by headless Chromium: `make pdf`.

Each page is printed by itself with its solutions and folded code open; then they are joined in the order of the book
behind a table of contents, with an outline and numbers that run through. Links from page to page lead to pages of the
PDF.
"""

import argparse
import html
import io
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from browser import MISSING, built_pages, chromium, find_chromium, open_page

FOOTER = '<div style="width:100%; text-align:center; font-size:8px; color:#666"><span class="title"></span></div>'
PAPER = {"format": "A4", "margin": {"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}}
STYLE = """<style>
  @page { size: A4; margin: 0 } body { font-family: sans-serif; margin: 0 } h1 { font-size: 22pt }
  .sheet { height: 297mm; position: relative; break-after: page } .sheet span { position: absolute; bottom: 5mm;
    width: 100%; text-align: center; font-size: 8px; color: #666 }
  main { padding: 16mm 22mm } p { display: flex; margin: 1.1mm 0; font-size: 10pt } a { color: #000; flex: 1 }
</style>"""


def print_pages(paths: list[Path], page) -> list[tuple[str, bytes]]:
    """Title and PDF of each page, on white whatever the reader's theme is."""
    printed = []
    for path in paths:
        open_page(page, path)
        title = page.locator("h1").first.inner_text().rstrip("#").strip()
        page.evaluate("(title) => { document.title = title; }", title)
        page.emulate_media(media="print")
        pdf = page.pdf(**PAPER, display_header_footer=True, header_template="<span></span>", footer_template=FOOTER)
        page.emulate_media(media="screen")
        printed.append((title, pdf))
    return printed


def print_html(body: str, page) -> bytes:
    """A PDF of some HTML of our own, without margins."""
    page.set_content(f"<!doctype html><meta charset='utf-8'>{STYLE}{body}")
    return page.pdf(prefer_css_page_size=True)


def contents(paths: list[Path], titles: list[str], begins: list[int]) -> str:
    """HTML of the table of contents; its links are those of the built pages, as in every other page."""
    lines = zip(paths, titles, begins, strict=True)
    rows = [f'<p><a href="{path.resolve().as_uri()}">{html.escape(t)}</a> {n}</p>' for path, t, n in lines]
    return f"<main><h1>R-STMRF</h1>{''.join(rows)}</main>"


def has_chinese_font() -> bool:
    """Whether the Chinese summary would show its characters; True where nobody can tell."""
    program = shutil.which("fc-list")
    if program is None:
        return True
    return bool(subprocess.run([program, ":lang=zh"], capture_output=True, text=True, check=False).stdout.strip())


def target(annotation, numbers: dict[Path, int]) -> int | None:
    """The page of the PDF that a link to a page of the book means, if it means one."""
    address = urlsplit(str(annotation.get("/A", {}).get("/URI", "")))
    return numbers.get(Path(unquote(address.path))) if address.scheme == "file" else None


def join(paths: list[Path], printed: list[tuple[str, bytes]], page, out: Path) -> int:
    """Write one PDF; returns its number of pages. `page` is the browser's, for the contents and the numbers."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, Fit, NameObject

    titles, chapters = [title for title, _ in printed], [PdfReader(io.BytesIO(pdf)) for _, pdf in printed]
    begins = [1 + sum(len(chapter.pages) for chapter in chapters[:k]) for k in range(len(chapters))]
    front = PdfReader(io.BytesIO(print_html(contents(paths, titles, begins), page)))
    begins = [number + len(front.pages) for number in begins]
    front = PdfReader(io.BytesIO(print_html(contents(paths, titles, begins), page)))
    writer, numbers = PdfWriter(), {}
    writer.append(front, import_outline=False)
    for path, title, chapter in zip(paths, titles, chapters, strict=True):
        numbers[path.resolve()] = len(writer.pages)
        writer.append(chapter, import_outline=False)
        writer.add_outline_item(title=title, page_number=numbers[path.resolve()], fit=Fit.fit())
    sheets = "".join(f'<div class="sheet"><span>{n}</span></div>' for n in range(1, len(writer.pages) + 1))
    for sheet, number in zip(writer.pages, PdfReader(io.BytesIO(print_html(sheets, page))).pages, strict=False):
        sheet.merge_page(number)
        sheet.compress_content_streams()
    for sheet in writer.pages:
        kept = ArrayObject()
        for reference in sheet.get("/Annots", []):
            annotation = reference.get_object()
            number = target(annotation, numbers)
            if number is not None:
                del annotation["/A"]
                there = [writer.pages[number].indirect_reference, NameObject("/Fit")]
                annotation[NameObject("/Dest")] = ArrayObject(there)
            elif str(annotation.get("/A", {}).get("/URI", "")).startswith("file:"):
                continue  # a download or a picture, which a PDF does not hold
            kept.append(reference)
        sheet[NameObject("/Annots")] = kept
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
    if not has_chinese_font():
        print(
            "No font holds Chinese: the Chinese summary will be boxes. Install one, as fonts-noto-cjk.", file=sys.stderr
        )
    with chromium(program) as browser:
        page = browser.new_page(color_scheme="light")
        number = join(paths, print_pages(paths, page), page, chosen.out)
    print(f"{chosen.out}: {len(paths)} chapters on {number} pages, {chosen.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
