"""The book as a web site: what is added to its pages, and the scripts that look at the built ones."""

import sys
import tomllib
from pathlib import Path

import pytest

docutils_core = pytest.importorskip("docutils.core")
pytest.importorskip("sphinx")
yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "book" / "_ext")]
import book_site  # noqa: E402
import browser  # noqa: E402
import check_links  # noqa: E402
import check_pages  # noqa: E402
import execute_book  # noqa: E402
import print_book  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
TERMS = [("crest", "term-crest", "High density."), ("TEC", "term-TEC", "A column."), ("head", "term-head", "The last.")]


def write(path, body, head=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return path


def test_launch_buttons_are_pinned_to_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert CONFIG["repository"]["branch"] == f"v{version}"
    assert (ROOT / CONFIG["html"]["favicon"]).exists()


@pytest.mark.parametrize(("address", "left"), [("", {}), ("https://github.com/owner/rstmrf", {"colab_url": "there"})])
def test_an_empty_address_hides_the_launch_buttons(address, left):
    class Config:
        html_theme_options = {"repository_url": address, "launch_buttons": {"colab_url": "there"}}  # noqa: RUF012

    book_site.hide_launch_buttons(None, Config)
    assert Config.html_theme_options["launch_buttons"] == left


def test_terms_are_found_in_small_and_capital_letters_and_only_as_whole_words():
    pattern = book_site.pattern_of(TERMS)
    found = [match[0] for match in pattern.finditer("Crests of TEC; the crested head of slant-TEC and tec.")]
    assert found == ["Crests", "TEC"]


@pytest.mark.parametrize(
    ("text", "described"),
    [
        (
            "**Question.** Which way does density climb at dusk? **Needs** chapter 2.",
            "Which way does density climb at dusk?",
        ),
        ("word " * 100, ("word " * 31).strip() + " …"),
    ],
)
def test_a_page_is_described_by_how_it_opens(text, described):
    doctree = docutils_core.publish_doctree(f"Title\n=====\n\n{text}\n")
    assert book_site.describe(doctree) == described and len(described) <= 160


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("**Time** 15 min to read, 90 s of CPU.", 90),
        ("**Time** 20 min to read, 2 min of CPU.", 120),
        ("**Time** 20 min to read, half a minute of\nCPU.", 30),
        ("**Time** 10 min to read, a minute or two of CPU.", 90),
        ("**Time** 20 min to read, a minute of CPU.", 60),
        ("**Time** 10 min to read, seconds of CPU.", 1),
    ],
)
def test_a_chapter_says_what_it_takes(said, seconds):
    notebook = execute_book.nbformat.v4.new_notebook(cells=[execute_book.nbformat.v4.new_markdown_cell(said)])
    assert execute_book.stated_seconds(notebook) == seconds


def test_dead_links_and_anchors_are_named(tmp_path):
    write(
        tmp_path / "a.html",
        '<a href="b.html#here">1</a><a href="b.html#gone">2</a><a href="c.html">3</a><a href="https://x.org">4</a>',
    )
    write(tmp_path / "b.html", '<p id="here"><img src="../no.png"></p>')
    dead = check_links.dead_links(tmp_path)
    assert dead == [
        "a.html: b.html#gone has no such anchor",
        "a.html: c.html is not there",
        "b.html: ../no.png is not there",
    ]


def test_without_a_browser_one_sentence_says_so(monkeypatch, capsys):
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    monkeypatch.setattr(sys, "argv", ["check_pages.py"])
    assert check_pages.main() == 0 and "no Chromium was found" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="cannot be printed, because no Chromium was found"):
        print_book.main()


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("playwright")
    program = browser.find_chromium()
    if program is None:
        pytest.skip(browser.MISSING)
    with browser.chromium(program) as opened:
        yield opened.new_page()


def test_a_good_page_passes_and_a_bad_one_is_told_in_full(page, tmp_path):
    good = write(tmp_path / "good.html", "<h1>Good</h1><p>5 TECU</p><pre>\\frac{1}{2}</pre>")
    assert check_pages.check_page(page, good) == []
    scripts = "<script>console.error('bang')</script>"
    wide = '<div class="bd-article"><p style="width:600px">$$\\frac{1}{2}$$</p></div><img src="no.png">'
    wrong = check_pages.check_page(page, write(tmp_path / "bad.html", wide, scripts))
    assert "console: bang" in wrong
    for said in ("at 1280 px, light: broken: no.png", "at 390 px, dark: raw TeX: $$\\frac{1}{2}$$"):
        assert said in wrong
    sideways = [what for what in wrong if "scrolls sideways" in what]
    assert len(sideways) == 2 and all(what.startswith("at 390 px") for what in sideways)


def test_pages_are_joined_behind_contents_with_links_numbers_and_no_path_of_the_machine(page, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    one = write(tmp_path / "one.html", '<h1>One</h1><a href="two.html">two</a> <a href="two.ipynb">file</a>')
    style = "<style>@keyframes f { from { opacity: 0 } } details[open] > p { animation: f 9s }</style>"
    folded = '<details class="admonition"><summary>s</summary><p>what was folded</p></details>'
    css, js = ((ROOT / "book" / "_static" / f"book.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    body = f'<h1>Two</h1><div class="bd-article">{folded}</div><script>{js}</script>'
    two = write(tmp_path / "two.html", body, f"{style}<style>{css}</style>")
    printed = print_book.print_pages([one, two], page)
    assert print_book.join([one, two], printed, page, tmp_path / "book.pdf") == 3
    book = pypdf.PdfReader(tmp_path / "book.pdf")
    (link,) = book.pages[1]["/Annots"]
    assert link.get_object()["/Dest"][0] == book.pages[2].indirect_reference
    listed = [annotation.get_object()["/Dest"][0] for annotation in book.pages[0]["/Annots"]]
    assert listed == [book.pages[1].indirect_reference, book.pages[2].indirect_reference]
    assert [entry.title for entry in book.outline] == ["One", "Two"]
    texts = [sheet.extract_text() for sheet in book.pages]
    assert "what was folded" in texts[2]
    assert "One 2" in texts[0] and "Two 3" in texts[0] and texts[2].rstrip().endswith("3")
    assert str(tmp_path).encode() not in (tmp_path / "book.pdf").read_bytes()


def test_pages_with_cells_are_run_beside_the_notebooks():
    found = {path.name: path for path in execute_book.chapters()}
    assert {"index.md", "own-data.md", "train.ipynb"} <= set(found) and "notation.md" not in found
    assert any(cell.cell_type == "code" for cell in execute_book.opened(found["own-data.md"]).cells)
