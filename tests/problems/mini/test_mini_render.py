"""Images and voices of the mini suite."""

import io

import numpy as np
import pytest
from PIL import Image

from t2t_multimodel.errors import DataError
from t2t_multimodel.problems.mini import english, synth
from t2t_multimodel.problems.mini import render as mini_render
from t2t_multimodel.problems.mini.world import BACKGROUNDS, COLOURS, KINDS, RELATIONS, Scene, Thing, generator


def pixels_of(scene: Scene, *, stream: int = 0, **options) -> np.ndarray:
    """The decoded image `[height, width, 3]` in [0, 1]."""
    encoded = mini_render.render(scene, generator(0, "train", 0, stream), **options)
    image = Image.open(io.BytesIO(encoded))
    assert image.format == "JPEG" and image.mode == "RGB"
    return np.asarray(image, np.float64) / 255


@pytest.mark.parametrize("size", [24, 48, 64])
def test_pictures_have_the_size_asked_for(size):
    assert pixels_of(Scene((Thing("star", "red", "large"),), "dark"), size=size).shape == (size, size, 3)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_colour_shows(kind, background):
    """The pixels of a shape are nearer to its colour than to any other colour; checked for every colour."""
    expected = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}
    for colour in COLOURS:
        drawn = pixels_of(Scene((Thing(kind, colour, "large"),), background))
        empty = np.median(drawn.reshape(-1, 3), axis=0)
        shape = drawn[np.abs(drawn - empty).sum(-1) > 0.5]
        assert 0.01 * drawn[..., 0].size < len(shape) < 0.3 * drawn[..., 0].size
        mean = np.median(shape, axis=0)
        if colour in expected:
            nearest = min(expected, key=lambda name: np.abs(np.asarray(expected[name]) - mean).sum())
            assert nearest == colour


@pytest.mark.parametrize("size", ["small", "large"])
def test_kinds_differ_in_more_than_noise(size):
    def mask(kind: str, stream: int) -> np.ndarray:
        return pixels_of(Scene((Thing(kind, "red", size),), "dark"), stream=stream)[..., 0] > 0.5

    masks = {kind: mask(kind, 0) for kind in KINDS}  # one stream: the same position and radius
    for kind, other in ((a, b) for a in KINDS for b in KINDS if a < b):
        differing = np.sum(masks[kind] ^ masks[other])
        assert differing > 0.15 * min(masks[kind].sum(), masks[other].sum())


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("sizes", [("large", "large"), ("small", "large")])
def test_things_lie_as_their_relation_says_and_apart(relation, sizes):
    things = Thing("square", "red", sizes[0]), Thing("circle", "blue", sizes[1])
    for stream in range(5):
        drawn = pixels_of(Scene(things, "dark", relation), stream=stream)
        red = np.argwhere((drawn[..., 0] > 0.6) & (drawn[..., 2] < 0.4))
        blue = np.argwhere((drawn[..., 2] > 0.6) & (drawn[..., 0] < 0.4))
        axis = 1 if relation in ("left", "right") else 0
        first, second = (red, blue) if relation in ("left", "above") else (blue, red)
        assert first[:, axis].max() < second[:, axis].min()


def test_rendering_is_a_function_of_scene_and_stream():
    scene = Scene((Thing("ring", "brown", "small"),), "light")
    first, again, other = (mini_render.render(scene, generator(0, "train", 0, stream)) for stream in (0, 0, 1))
    assert first == again != other


def speak(text: str, index: int = 0) -> np.ndarray:
    return synth.speak(text.split(), generator(0, "train", index, 1))


def test_speech_is_float32_in_range_and_of_sane_length():
    text = "we see a small red circle that is to the left of a large blue square"
    for index in range(10):
        wave = speak(text, index)
        assert wave.dtype == np.float32 and wave.ndim == 1
        assert 0.3 < np.abs(wave).max() <= 1
        assert 1.5 < len(wave) / synth.SAMPLE_RATE < 4


def test_speech_is_a_function_of_words_and_stream():
    text = "there is a ring"
    before = speak(text)
    synth.word_waveform.cache_clear()
    assert np.array_equal(before, speak(text))
    assert not np.array_equal(speak(text, 0)[:1000], speak(text, 1)[:1000])


def test_every_word_of_the_grammar_can_be_spoken():
    words = set()
    other = Thing("square", "blue", "large")
    for kind, colour, relation, background in zip(KINDS, [*COLOURS, "red"], [*RELATIONS] * 2, [*BACKGROUNDS] * 4):
        for scene in (
            Scene((Thing(kind, colour, "small"),), background),
            Scene((Thing(kind, colour, "small"), other), background, relation),
        ):
            for pattern in english.patterns(scene):
                words.update(english.sentence(scene, pattern).split())
    assert words == set(synth.LEXICON)


def envelope(wave: np.ndarray, frames: int = 12) -> np.ndarray:
    """Log band energies at equally spaced moments, `[frames * 16]`."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(wave, 100), 200)[::40] * np.hanning(200)
    bands = np.abs(np.fft.rfft(windows, 256))[:, :128].reshape(len(windows), 16, 8).sum(-1)
    moments = np.linspace(0, len(bands) - 1, frames).round().astype(int)
    return np.log(bands + 0.05 * bands.max())[moments].ravel()


def test_words_are_told_apart_across_voices():
    """The nearest template of other voices is the right word, at another pitch and speed and in noise."""
    templates = [(word, pitch) for word in synth.LEXICON for pitch in synth.PITCHES[::2]]
    features = np.array([envelope(synth.word_waveform(word, pitch, 1.0)) for word, pitch in templates])
    rng = np.random.default_rng(0)
    right = []
    for word in synth.LEXICON:
        for pitch in synth.PITCHES[1::4]:
            wave = synth.word_waveform(word, pitch, 1.2)
            heard = envelope(wave + rng.normal(0, np.std(wave) / 12, len(wave)))
            right.append(templates[np.argmin(((features - heard) ** 2).sum(-1))][0] == word)
    assert np.mean(right) > 0.9


@pytest.mark.parametrize("words", [[], ["hello"]])
def test_words_that_cannot_be_spoken_are_errors(words):
    with pytest.raises(DataError):
        synth.speak(words, np.random.default_rng(0))
