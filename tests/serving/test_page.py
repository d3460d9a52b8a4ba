"""The page in headless Chromium, served with the model in the box; `--screenshots=docs` renews the pictures of it."""

import pathlib
import sys

import pytest

from t2t_multimodel import demo
from tests.serving.browser import chromium
from tests.serving.demo_server import demo_server

pytestmark = pytest.mark.slow

SERVER = (sys.executable, "-m", "t2t_multimodel.bin.t2t_query_server")
DONE = "!document.getElementById('look').hidden"
SAID = "document.querySelector('.said').textContent"
WIDE, PHONE = (1200, 860), (360, 740)
# A problem of each of the five kinds of task, and what its answer is drawn as.
KINDS = {
    "mini_translate_ende": "#result > .said",
    "mini_parsing": "#result svg[role=img] .tag",
    "mini_image_class": "#result .bars li:nth-child(5)",
    "mini_caption": "#result figure img + figcaption .said",
    "mini_speech": "#result .heard img[alt^=Spectrogram] + audio",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with demo_server(SERVER, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory, address):
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.look_as(*WIDE)
        yield browser


@pytest.fixture(autouse=True)
def only_the_server_was_asked(page, address):
    """No other host is asked for anything, and nothing fails in the script or against the content security policy."""
    yield
    asked = [url for url in page.requests if not url.startswith((f"{address}/", "blob:", "data:", "about:"))]
    assert asked == [] and any(url.startswith(address) for url in page.requests)
    faults = [fault for fault in page.faults if "status of 422" not in fault]
    page.requests.clear()
    page.faults.clear()
    assert faults == []


def choose(page, address, problem):
    page.open(f"{address}/#{problem}")
    page.wait("document.querySelector('#examples button')")
    assert page.value("document.querySelector('#tasks :checked').value") == problem


def take(page, number=0):
    page.value(f"document.querySelectorAll('#examples button')[{number}].click()")
    page.wait(DONE)


@pytest.mark.parametrize("problem", KINDS)
def test_an_example_is_answered_and_shows_what_is_inside(page, address, problem):
    choose(page, address, problem)
    take(page)
    page.wait(f"document.querySelector('{KINDS[problem]}')")
    page.value("document.getElementById('look').click()")
    page.wait("document.querySelector('.experts td span')")
    names = "document.querySelectorAll('.matrix tbody th, .tiles figcaption, .strips > span')"
    pieces = page.value(f"[...{names}].map((one) => one.textContent)")
    if problem in ("mini_translate_ende", "mini_caption", "mini_speech"):  # what is looked into is what was answered
        assert "".join(pieces) == page.value(SAID).replace(" ", "") + "(end)"
    else:
        assert bool(pieces) == (problem == "mini_parsing")
    assert "%" in page.value("document.querySelector('.experts').textContent")
    assert [role for role, name in page.names() if not name and role != "img"] == []


def test_an_answer_grows_and_ends_with_its_beams(page, address):
    choose(page, address, "mini_translate_ende")
    page.value(
        "window.seen = []; new MutationObserver(() => { const one = document.querySelector('.said');"
        " if (one) window.seen.push(one.textContent) }).observe(document.getElementById('result'),"
        " { childList: true, subtree: true, characterData: true })"
    )
    take(page)
    seen, final = page.value("window.seen"), page.value(SAID)
    assert len({text for text in seen if text and text != final}) >= 2
    assert page.value("document.querySelectorAll('#beam-list li').length") == 4
    assert page.value("document.querySelector('#beam-list li > span').textContent") == final
    assert page.value("document.getElementById('status').textContent") == f"Answer: {final}"


def test_a_chosen_picture_and_a_recorded_sound_are_answered(page, address):
    choose(page, address, "mini_image_class")
    picture = demo.examples()["mini_image_class"][1]
    page.choose_file("#file", picture.file)
    page.wait(DONE)
    assert page.value(SAID) in picture.label
    choose(page, address, "mini_speech")
    page.value("document.getElementById('record').click()")
    page.wait("document.getElementById('clock').textContent === '1 s'")
    page.value("document.getElementById('record').click()")
    page.wait(f"{DONE} && document.querySelector('.heard img')")
    assert page.value("document.getElementById('given-name').textContent") == "Your recording"


def test_a_dropped_picture_is_answered(page, address):
    choose(page, address, "mini_caption")
    page.value(
        "fetch('/examples/mini_caption/1').then((answer) => answer.blob()).then((blob) => {"
        " const data = new DataTransfer(); data.items.add(new File([blob], 'dropped.jpg'));"
        " const drop = new DragEvent('drop', { dataTransfer: data, bubbles: true });"
        " document.getElementById('drop').dispatchEvent(drop) })"
    )
    page.wait(DONE)
    assert page.value("document.getElementById('given-name').textContent") == "dropped.jpg"


def test_one_task_by_keyboard_alone(page, address):
    choose(page, address, "mini_parsing")
    focused = "document.activeElement"

    def tab_to(selector):
        for _ in range(40):
            page.press("Tab")
            assert page.value(f"{focused} === document.body || {focused}.matches(':focus-visible')")
            if page.value(f"{focused}.matches({selector!r})"):
                return
        raise AssertionError(f"the key Tab never came to {selector}")

    tab_to(".skip")
    tab_to("#tasks input")
    page.press("ArrowDown")
    page.wait("document.getElementById('title').textContent === 'English to German'")
    assert (
        page.value("getComputedStyle(document.querySelector('#tasks label:has(:focus-visible)')).outlineStyle")
        == "solid"
    )
    tab_to("#text")
    page.press("Enter", control=True)
    page.wait("document.getElementById('text').getAttribute('aria-invalid') === 'true'")
    page.type("a small red circle is below a large red diamond")
    page.press("Enter", control=True)
    page.wait(DONE)
    assert page.value(SAID) == "ein kleiner roter Kreis ist unter einer großen roten Raute"
    tab_to("#look")
    page.press("Enter")
    page.wait("document.querySelector('.matrix')")
    assert page.value("document.getElementById('look').getAttribute('aria-expanded')") == "true"
    tab_to("footer a")
    for _ in range(3):  # on to the start: nothing holds the focus
        page.press("Tab")
    assert not page.value(f"{focused}.matches('footer a')")


def test_errors_stand_beside_the_field(page, address, tmp_path):
    choose(page, address, "mini_image_class")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    page.choose_file("#file", tmp_path / "broken.png")
    page.wait("document.getElementById('file').getAttribute('aria-invalid') === 'true'")
    assert "no image that can be read; give an intact" in page.value("document.getElementById('error').textContent")
    described = page.value("document.getElementById('file').getAttribute('aria-describedby')")
    assert "error" in described.split()
    take(page)
    assert page.value("document.getElementById('error').hidden && !document.getElementById('file').ariaInvalid")


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_a_phone(page, address, dark):
    page.look_as(*PHONE, dark=dark, phone=True)
    try:
        for problem in KINDS:
            choose(page, address, problem)
            take(page, 1)
            page.value("document.getElementById('look').click()")
            page.wait("document.querySelector('.experts')")
            assert page.value("document.documentElement.scrollWidth") == PHONE[0], problem
            chip = "document.querySelector('#tasks label:has(:checked)').getBoundingClientRect()"
            assert page.value(f"{chip}.left >= 0 && {chip}.right <= innerWidth"), problem
    finally:
        page.look_as(*WIDE)


def test_pictures_of_the_page(page, address, request, tmp_path):
    """Takes the pictures that stand in the docs; `--screenshots=docs` puts them there."""
    folder = pathlib.Path(request.config.getoption("--screenshots") or tmp_path)
    page.look_as(1100, 860)
    choose(page, address, "mini_speech")
    take(page)
    page.wait("document.querySelector('.heard img')")
    page.value("document.getElementById('look').click()")
    page.wait("document.querySelector('.strips img')")
    page.picture(folder / "page.png")
    page.look_as(*PHONE, dark=True, phone=True)
    choose(page, address, "mini_parsing")
    take(page)
    page.picture(folder / "page_phone.png", height=1100)
    page.look_as(*WIDE)
    assert all((folder / name).stat().st_size > 50_000 for name in ("page.png", "page_phone.png"))
