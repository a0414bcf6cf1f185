"""What the book's pages get beyond the theme: descriptions, terms that explain themselves, and where to clone from.

The repository's address stands once, in `_config.yml` under `repository`. While it is empty nothing points there.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxDirective

GLOSSARY = "book/glossary"
#: words that the text also uses in another sense: links would mislead
COMMON = {"head", "leak", "window", "profile", "background", "driver", "frequency, ω₀"}
LONGEST = 158  # characters of a description that search engines show
#: prose is linked; what stands in one of these is not
NOT_PROSE = (
    nodes.reference,
    pending_xref,
    nodes.raw,
    nodes.literal,
    nodes.math,
    nodes.title,
    nodes.strong,
    nodes.caption,
)
DECLARED_TWICE = ("THEBE_JS_URL", "sphinx-thebe")


class CloneLines(SphinxDirective):
    """The commands that fetch the checkout; nothing where no address is set."""

    def run(self):
        theme = self.config.html_theme_options
        address, tag = theme.get("repository_url", ""), theme.get("repository_branch", "")
        if not address:
            return []
        text = f"git clone --branch {tag} {address}\ncd {address.rstrip('/').rsplit('/', 1)[-1].removesuffix('.git')}"
        before = (
            "The commands are given in a checkout. In Colab, run these two lines in the first cell, with ! and % "
            "before them, and %pip install -e . after:"
        )
        lines = nodes.literal_block(text, text, language="bash")
        return [nodes.paragraph(before, before), lines]


def terms_of(doctree):
    """(term, its anchor, its definition) of a glossary; a heading such as "slant TEC, vertical TEC" gives two."""
    found = []
    for item in doctree.findall(nodes.definition_list_item):
        heading = item.next_node(nodes.term)
        if heading is None or not heading["ids"]:
            continue
        definition = " ".join(p.astext().replace("\n", " ") for p in item.findall(nodes.paragraph))
        definition = re.sub(r"\s*See [^.]*\.$", "", definition)
        name = heading.astext()
        names = [name] if name in COMMON else name.split(", ")
        found += [(part, heading["ids"][0], definition) for part in names]
    return found


def plain(anchor):
    """An anchor without dots, which the theme's script takes for the name of a class."""
    return anchor.replace(".", "-")


def plain_anchors(app, doctree):
    """Take dots out of the anchors of the glossary's terms, and of what Sphinx has noted of them."""
    for term in doctree.findall(nodes.term):
        term["ids"] = [plain(anchor) for anchor in term["ids"]]
    objects, entries = app.env.domaindata["std"]["objects"], app.env.domaindata["index"]["entries"]
    for key, (docname, anchor) in objects.items():
        if docname == GLOSSARY:
            objects[key] = docname, plain(anchor)
    entries[GLOSSARY] = [(kind, text, plain(anchor), *more) for kind, text, anchor, *more in entries[GLOSSARY]]


def remember_terms(app, doctree):
    """When the glossary is read, keep its terms with the environment."""
    if app.env.docname == GLOSSARY:
        plain_anchors(app, doctree)
        app.env.book_terms = terms_of(doctree)


def pattern_of(terms):
    """One expression for all terms that text may be linked by, plurals included, the longest first."""
    names = sorted({name for name, *_ in terms} - COMMON, key=len, reverse=True)
    # a term in small letters may open a sentence; an acronym is written in one way
    parts = [f"[{n[0]}{n[0].upper()}]{re.escape(n[1:])}" if n[0].islower() else re.escape(n) for n in names]
    return re.compile(rf"(?<![\w-])(?P<term>{'|'.join(parts)})(?:e?s)?(?![\w-])")


def link_terms(app, doctree, docname):
    """Link the first mention of each term in a page's prose to the glossary."""
    terms = getattr(app.env, "book_terms", [])
    if not terms or docname == GLOSSARY or app.builder.format != "html":
        return
    anchors = {name: anchor for name, anchor, _ in terms}
    pattern, seen = pattern_of(terms), set()
    for paragraph in list(doctree.findall(nodes.paragraph)):
        for text in list(paragraph.findall(nodes.Text)):
            if not any(isinstance(parent, NOT_PROSE) for parent in ancestors(text)):
                replace_first(app, text, docname, pattern, anchors, seen)


def ancestors(node):
    """The elements around a node, from the inside out."""
    while node.parent is not None:
        node = node.parent
        yield node


def replace_first(app, text, docname, pattern, anchors, seen):
    """Put references into one text node for terms that the page has not linked yet."""
    content, parts, position = text.astext(), [], 0
    for found in pattern.finditer(content):
        word = found["term"]
        name = word if word in anchors else word[0].lower() + word[1:]
        if anchors[name] in seen:
            continue
        seen.add(anchors[name])
        address = f"{app.builder.get_relative_uri(docname, GLOSSARY)}#{anchors[name]}"
        parts += [nodes.Text(content[position : found.start()])]
        parts += [nodes.reference("", found[0], refuri=address, internal=True, classes=["term"])]
        position = found.end()
    if parts:
        text.parent.replace(text, [*parts, nodes.Text(content[position:])])


def describe(doctree):
    """The first paragraph of a page, cut at a word; of a chapter, the question that it opens with."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = re.sub(r"\s+", " ", paragraph.astext()).removeprefix("Question. ").split(" Needs ")[0]
        if len(text) > 30:
            return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:") + " …"
    return ""


def finish_page(app, pagename, templatename, context, doctree):
    """Add the description; leave out the scripts of sphinx-thebe, which the theme loads a second time."""
    description = describe(doctree) if doctree is not None else ""
    if description:
        escaped = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        context["metatags"] = f'{context.get("metatags", "")}\n<meta name="description" content="{escaped}" />'
    context["script_files"] = [s for s in context["script_files"] if not any(d in str(s) for d in DECLARED_TWICE)]
    context["css_files"] = [s for s in context["css_files"] if "sphinx-thebe" not in str(s)]


def write_terms(app, error):
    """The definitions, for the script that shows them: a page opened from a folder may not read another page."""
    terms = getattr(app.env, "book_terms", [])
    if error is None and app.builder.format == "html" and terms:
        definitions = json.dumps({anchor: text for _, anchor, text in terms}, ensure_ascii=False)
        Path(app.outdir, "_static", "terms-data.js").write_text(
            f"window.bookTerms = {definitions};\n", encoding="utf-8"
        )


def forget(app, env, docname):
    """Drop the terms of a glossary that is read again."""
    if docname == GLOSSARY:
        env.book_terms = []


def merge(app, env, docnames, other):
    """Take the terms from the process that read the glossary."""
    if GLOSSARY in docnames:
        env.book_terms = other.book_terms


def hide_launch_buttons(app, config):
    """The theme cannot make a launch button without an address."""
    if not config.html_theme_options.get("repository_url"):
        config.html_theme_options["launch_buttons"] = {}


def setup(app):
    """Connect all of it to Sphinx."""
    app.connect("config-inited", hide_launch_buttons)
    app.add_directive("clone-lines", CloneLines)
    app.connect("doctree-read", remember_terms)
    app.connect("doctree-resolved", link_terms)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", write_terms)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.add_js_file("terms-data.js")
    app.add_js_file("book.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
