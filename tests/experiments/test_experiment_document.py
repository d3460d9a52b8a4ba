import html
import re

import markdown
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.document import (
    Bullets,
    Code,
    Figure,
    Heading,
    Paragraph,
    Table,
    to_html,
    to_markdown,
    write,
)

SVG = "<svg xmlns='http://www.w3.org/2000/svg'><title>x</title></svg>"
BLOCKS = [
    Heading(1, "Does joint training help?"),
    Paragraph("With `--seeds=3` the loss is < 1.5 & > 0; see [the `runs` folder](runs.md#all) and mini_parse. " * 3),
    Heading(2, "Results: `mini`"),
    Table(
        ["problem", "loss", "verdict"],
        [["a|b", "1.25", "supported"], ["`x | y`", "-0.5 [-1, 0]", "[undecided](#law)"]],
        "Losses of `mini`.",
    ),
    Figure("low_data", SVG, "The curve of [parsing](parsing.md) [3 seeds]"),
    Heading(2, "Results: `mini`"),
    Heading(3, "Ähnlich - [a link](runs.md)"),
    Bullets(["one " * 60, "`two`"]),
    Code("t2t-experiments --table=all\n  --seeds=3 # `<all>`", "bash"),
]


def _body(page):
    return page.partition("<body>")[2]


def _seen(page):
    """The words that a reader sees."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def _rendered(text):
    """As MkDocs shows it."""
    return markdown.markdown(
        text, extensions=["tables", "fenced_code", "toc", "attr_list", "def_list", "admonition", "footnotes"]
    )


def test_markdown_is_what_a_person_would_write():
    text = to_markdown(BLOCKS)
    assert text.startswith("# Does joint training help?\n\nWith `--seeds=3` the loss is < 1.5 & > 0; see [the `runs` ")
    assert "|---|---:|---|\n| a&#124;b | 1.25 | supported |\n" in text and "mini_parse" in text
    assert "![The curve of parsing [3 seeds]](low_data.svg)" in text
    assert text.endswith("```bash\nt2t-experiments --table=all\n  --seeds=3 # `<all>`\n```\n") and "\n\n\n" not in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_both_forms_say_the_same_words():
    def words(page):
        return re.sub(r"\W+", " ", _seen(re.sub("<(svg|title).*?</svg>|<img[^>]*>", "", page, flags=re.S)))

    assert words(_rendered(to_markdown(BLOCKS))) == words(_body(to_html("T", BLOCKS)))


def test_headings_have_the_anchors_of_mkdocs():
    anchors = [
        re.findall(r"""<h\d id=["']([^"']*)""", page) for page in (_rendered(to_markdown(BLOCKS)), to_html("T", BLOCKS))
    ]
    assert anchors[0] == anchors[1] == ["does-joint-training-help", "results-mini", "results-mini_1", "ahnlich-a-link"]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("ab1 _*`[]()<>&#|!?:;-+=~.\\{}\"'/$^–é\n"), max_size=40), st.integers(0, 122))
@example("- a * b_ <b>x</b> &amp; #", 0)
@example("![x](y) [^1]: z", 118)
@example("``` !!! ??? --- === ~~~", 117)
def test_any_text_is_shown_as_it_is_written(text, before):
    text = "x" * before + " " + text
    shown = " ".join(
        re.sub(
            r"(?<!`)`([^`\s](?:[^`]*[^`\s])?)`(?!`)|\[([^\[\]]+)\]\([\w./:#?&=%+~,;@-]+\)",
            _words,
            " ".join(text.split()),
        ).split()
    )
    page = to_html("T", [Paragraph(text)])
    rendered = _rendered(to_markdown([Paragraph(text)]))
    for found in (_body(page), rendered):
        assert _text(found) == shown
    assert rendered.count("<p>") == (1 if shown else 0)


def _words(match):
    return match[1] or match[2]


def _text(page):
    """The text of a page without its tags, which have no < or > inside them."""
    return " ".join(html.unescape(re.sub(r"</?[a-z]+(?: href=\"[^\"]*\")?\s*/?>", "", page)).split())


def test_a_page_stands_alone_and_runs_nothing():
    blocks = [Paragraph("<script>alert(1)</script>"), Table(["<b>"], [["<i>"]], "<u>"), Code("</pre><script>")]
    page = to_html("<T>", [*blocks, *BLOCKS])
    assert "<script" not in page and "<title>&lt;T&gt;</title>" in page and SVG in page
    assert not re.search(r"(src|href)=.(https?:|//)|@import|url\(", page)


@pytest.mark.parametrize("target", ["javascript:alert", "data:text/html,x", "file:///etc"])
def test_links_lead_to_pages_alone(target):
    for render in (lambda block: to_html("T", [block]), lambda block: to_markdown([block])):
        with pytest.raises(ExperimentError, match="link target"):
            render(Paragraph(f"[x]({target})"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Table(["a", "b"], [["1"]]),
        lambda: Figure("../x", SVG, ""),
        lambda: Figure("x", "<script>", ""),
    ],
)
def test_blocks_that_do_not_fit_are_refused(make):
    with pytest.raises(ExperimentError):
        make()


def test_tables_keep_bars_and_rows():
    table = Table(["a", "b"], [["x|y", "`p | q`"], ["", "[l|m](n)"]])
    rows = re.findall(r"<tr>(.*?)</tr>", _rendered(to_markdown([table])), re.S)
    cells = [[_text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)] for row in rows]
    assert cells == [["a", "b"], ["x|y", "p | q"], ["", "l|m"]]


def test_writing_gives_the_same_files_again(tmp_path):
    folder = tmp_path / "docs" / "reproduction"
    paths = write(folder, BLOCKS, "Joint training", "mini")
    first = {path.name: path.read_bytes() for path in paths}
    assert sorted(first) == ["low_data.svg", "mini.html", "mini.md"] == sorted(path.name for path in folder.iterdir())
    assert first["low_data.svg"].decode() == SVG
    assert {path.name: path.read_bytes() for path in write(folder, BLOCKS, "Joint training", "mini")} == first


def test_writing_refuses_two_figures_of_one_name_and_a_folder_that_is_a_file(tmp_path):
    with pytest.raises(ExperimentError, match="two figures"):
        write(tmp_path, [Figure("a", SVG, ""), Figure("a", SVG.replace("x", "y"), "")], "T")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(ExperimentError, match="give another folder"):
        write(tmp_path / "file", BLOCKS, "T")
