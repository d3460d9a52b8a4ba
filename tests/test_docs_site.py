"""The documentation site builds without a warning, loads nothing from elsewhere, and leads a stranger to the answer."""

import html.parser
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Of an element, the attribute whose address a browser loads by itself.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "audio": "src"}


class Assets(html.parser.HTMLParser):
    """Collects what a page loads."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        address = dict(attrs).get(LOADED.get(tag, ""))
        if address:
            self.found.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> pathlib.Path:
    pytest.importorskip("material", reason="MkDocs is not installed; pip install '.[docs]' to test the site")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    built = {path.parent.relative_to(site) for path in site.rglob("index.html")}
    names = {page.parent if page.name == "index" else page for page in pages}
    assert names <= built and len(names) > 20


def test_the_site_loads_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assets = Assets()
        assets.feed(path.read_text(encoding="utf-8"))
        stands_alone = path.parent == site / "reproduction" and path.name != "index.html"
        assert assets.found or stands_alone, path
        assert [one for one in assets.found if re.match(r"(\w+:)?//", one)] == [], path
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), path


def test_search_works_without_a_server_of_others(site):
    assert "mini_speech" in (site / "search" / "search_index.json").read_text(encoding="utf-8")


def test_the_home_page_links_to_what_to_type_for_own_data():
    (row,) = [line for line in (ROOT / "docs/index.md").read_text().splitlines() if "what to type" in line]
    (page,) = re.findall(r"\((\w+\.md)\)", row)
    commands = (ROOT / "docs" / page).read_text(encoding="utf-8").partition("```sh\n")[2].partition("```")[0]
    started = [line.split()[0] for line in commands.splitlines()]
    assert started == ["t2t-datagen", "t2t-trainer", "t2t-decoder", "t2t-eval"]
