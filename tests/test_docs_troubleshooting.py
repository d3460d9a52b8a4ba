"""docs/troubleshooting.md lists the messages that the sources raise, each with a cause and a cure."""

import re

from tests import troubleshooting


def test_the_page_lists_every_message_of_the_sources():
    page = troubleshooting.PAGE.read_text(encoding="utf-8")
    written = page.partition(troubleshooting.MARK)[2].strip()
    assert written == troubleshooting.listing().strip(), "run: python tests/troubleshooting.py"


def test_every_kind_of_error_has_a_title():
    assert set(troubleshooting.error_names()) <= set(troubleshooting.TITLES)


def test_most_messages_have_a_cure():
    texts = [text for found in troubleshooting.messages().values() for text in found]
    assert len(texts) > 150
    assert [text for text in texts if "\n" in text] == []


def test_messages_at_the_top_are_words_of_the_sources():
    """The quoted lines, between what varies."""
    page = troubleshooting.PAGE.read_text(encoding="utf-8")
    table = page.partition("## What is met most often")[2].partition("## All messages")[0]
    sources = ""
    for folder in troubleshooting.FOLDERS:
        for path in (troubleshooting.ROOT / folder).rglob("*.py"):
            sources += re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
    lines = re.findall(r"^\| `(.*?)` \|", table, re.M)
    assert len(lines) > 8
    for line in lines:
        parts = [
            part.strip(" ();:")
            for part in re.split(r"\.\.\.|'x'|\bx\b|=\S+|[A-Z]{3,}\b|line 3|warning: |unknown|\w+Error", line)
        ]
        for part in parts:
            if len(part.split()) > 2 and "No space" not in part:
                assert part.partition("; ")[0] in sources, (line, part)
