"""The page's files: what a strict content security policy and readable colours ask of them."""

import html.parser
import pathlib
import re

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "t2t_multimodel" / "serving" / "page"
INDEX, STYLE = ((FOLDER / name).read_text(encoding="utf-8") for name in ("index.html", "page.css"))
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.js"))}
SCRIPT = "".join(SCRIPTS.values())
# Colours that meet, and the contrast that WCAG 2 asks of them at level AA: text 4.5, edges of controls 3.
MEETINGS = [
    ("ink", "paper", 4.5),
    ("ink", "raised", 4.5),
    ("ink", "tint", 4.5),
    ("soft", "paper", 4.5),
    ("soft", "raised", 4.5),
    ("accent", "paper", 4.5),
    ("accent", "tint", 4.5),
    ("on-accent", "accent", 4.5),
    ("wrong", "paper", 4.5),
    ("wrong", "raised", 4.5),
    ("edge", "paper", 3),
    ("edge", "raised", 3),
]


class Tags(html.parser.HTMLParser):
    """All tags of the page with their attributes, and the text of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.inline, self._open = [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data):
        if self._open in ("script", "style"):
            self.inline += data.strip()

    def handle_endtag(self, tag):
        self._open = None


TAGS = Tags(INDEX)


def test_nothing_is_inline_and_all_is_our_own():
    assert TAGS.inline == ""
    for tag, attributes in TAGS.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
        for name in ("src", "href"):
            assert re.match(r"/|#", attributes.get(name, "/")), (tag, attributes)
    namespaces = {"http://www.w3.org/2000/svg"}
    for text in (INDEX, STYLE, SCRIPT, (FOLDER / "icon.svg").read_text(encoding="utf-8")):
        assert set(re.findall(r"\w+://[^\"'\s)]+", text)) <= namespaces
    assert not re.search(r"innerHTML|insertAdjacent|document\.write|eval\(|setAttribute\(.style", SCRIPT)


def test_what_the_script_looks_for_is_in_the_page():
    ids = {attributes["id"] for _, attributes in TAGS.tags if "id" in attributes}
    assert set(re.findall(r"\$\(\"([\w-]+)\"\)", SCRIPT)) <= ids
    referred = {
        attributes[name] for _, attributes in TAGS.tags for name in ("for", "aria-controls") if name in attributes
    }
    assert referred <= ids


def test_scripts_import_what_others_define_and_use_it():
    line = r"import \{ (.*) \} from \"\./(.*)\";"
    exported = {name: re.findall(r"export (?:const|function) ([\w$]+)", text) for name, text in SCRIPTS.items()}
    for name, text in SCRIPTS.items():
        imported = [(one, file) for names, file in re.findall(line, text) for one in names.split(", ")]
        others = {(one, file) for file, names in exported.items() if file != name for one in names}
        body = re.sub(rf"{line}|//.*|/\*\*.*?\*/", "", text)
        used = {(one, file) for one, file in others if re.search(rf"(?<![\w$.]){re.escape(one)}(?![\w$:{{])", body)}
        assert set(imported) == used, name
    assert re.search(r'<script type="module" src="/static/(.*)">', INDEX)[1] in SCRIPTS


def colours(dark: bool) -> dict[str, tuple[int, ...]]:
    block = STYLE.split("@media (prefers-color-scheme: dark)")[dark]
    found = re.findall(r"--([\w-]+): #(\w{6});", block[: block.index("}")])
    return {name: tuple(bytes.fromhex(value)) for name, value in found}


def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance (WCAG 2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_colours_that_meet_have_enough_contrast(dark):
    found = colours(dark)
    for one, other, least in MEETINGS:
        high, low = sorted((luminance(found[one]), luminance(found[other])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= least, (one, other)


def test_luminance_of_known_colours():
    assert luminance((255, 255, 255)) == pytest.approx(1) and luminance((0, 0, 0)) == 0
    assert luminance((255, 0, 0)) == pytest.approx(0.2126)
