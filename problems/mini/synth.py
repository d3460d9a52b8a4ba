"""A small formant synthesizer: English words of the mini suite as speech.

Source and filter follow Klatt, "Software for a cascade/parallel formant synthesizer" (1980), but without
a loop over samples: the voice is a sum of harmonics, weighted by the magnitude of a cascade of four resonators, and
friction is white noise that is shaped frame by frame. Formants of vowels follow Peterson and Barney (1952). Words are
synthesized once for each voice and joined with a cross-fade; an utterance then varies in pitch, rate, gain and noise.
"""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.errors import DataError

SAMPLE_RATE = 8000
PITCHES = tuple(95.0 * 1.12**step for step in range(9))  # Hz
RATES = (0.85, 1.0, 1.2)

_HOP = 40  # samples of a frame: 5 ms
_FADE = 64  # samples by which neighbouring words overlap: 8 ms
_BANDWIDTHS = np.array([70.0, 100.0, 150.0, 250.0])  # Hz, of the four resonators
_FOURTH_FORMANT = 3500.0


@dataclasses.dataclass(frozen=True)
class Segment:
    """A piece of speech that does not change.

    Args:
        duration: milliseconds at rate 1.
        formants: first three resonances in Hz.
        voice: amplitude of the voiced source.
        noise: amplitude of friction.
        noise_band: centre and width of friction in Hz.
    """

    duration: float
    formants: tuple[float, float, float]
    voice: float = 0.0
    noise: float = 0.0
    noise_band: tuple[float, float] = (2000.0, 1500.0)


def _vowel(duration: float, *targets: tuple[float, float, float]) -> tuple[Segment, ...]:
    return tuple(Segment(duration / len(targets), target, voice=1.0) for target in targets)


def _sonorant(*formants: float, voice: float = 0.5) -> tuple[Segment, ...]:
    return (Segment(42, formants, voice=voice),)


def _fricative(locus: float, band: tuple[float, float], noise: float, voice: float = 0.0) -> tuple[Segment, ...]:
    return (Segment(60 if not voice else 48, (300, locus, 2600), voice, noise, band),)


def _stop(locus: float, band: tuple[float, float], *, voiced: bool) -> tuple[Segment, ...]:
    formants = (250, locus, 2500)
    return (
        Segment(25, formants, voice=0.12 if voiced else 0.0),
        Segment(10 if voiced else 20, formants, 0.3 if voiced else 0.0, 0.5, band),
    )


PHONEMES: dict[str, tuple[Segment, ...]] = {
    "AA": _vowel(80, (730, 1090, 2440)),
    "AE": _vowel(75, (660, 1720, 2410)),
    "AH": _vowel(50, (600, 1190, 2390)),
    "AO": _vowel(80, (570, 840, 2410)),
    "AW": _vowel(105, (730, 1200, 2440), (440, 950, 2300)),
    "AY": _vowel(105, (730, 1150, 2440), (330, 2200, 2800)),
    "EH": _vowel(65, (530, 1840, 2480)),
    "ER": _vowel(75, (490, 1350, 1690)),
    "IH": _vowel(50, (390, 1990, 2550)),
    "IY": _vowel(80, (270, 2290, 3010)),
    "OW": _vowel(90, (500, 950, 2350), (350, 780, 2300)),
    "UW": _vowel(75, (300, 870, 2240)),
    "L": _sonorant(360, 1100, 2800),
    "R": _sonorant(330, 1200, 1500),
    "W": _sonorant(290, 650, 2150),
    "Y": _sonorant(260, 2250, 3000),
    "M": _sonorant(250, 1000, 2200, voice=0.3),
    "N": _sonorant(250, 1600, 2600, voice=0.3),
    "NG": _sonorant(250, 2100, 2700, voice=0.3),
    "S": _fricative(1700, (3700, 500), 0.8),
    "Z": _fricative(1700, (3700, 500), 0.5, voice=0.2),
    "F": _fricative(1000, (2200, 2500), 0.25),
    "V": _fricative(1000, (2200, 2500), 0.15, voice=0.3),
    "DH": _fricative(1400, (2800, 1800), 0.12, voice=0.35),
    "JH": (*_stop(1800, (2700, 700), voiced=True), Segment(40, (300, 1900, 2600), 0.15, 0.6, (2700, 700))),
    "P": _stop(800, (700, 600), voiced=False),
    "B": _stop(800, (700, 600), voiced=True),
    "T": _stop(1750, (3400, 900), voiced=False),
    "D": _stop(1750, (3400, 900), voiced=True),
    "K": _stop(2000, (1900, 500), voiced=False),
    "G": _stop(2000, (1900, 500), voiced=True),
}

_LEXICON = """
a AH | above AH B AH V | and AE N D | are AA R | background B AE K G R AW N D | below B IH L OW | blue B L UW
brown B R AW N | circle S ER K AH L | cross K R AO S | dark D AA R K | diamond D AY M AH N D | green G R IY N
is IH Z | large L AA R JH | left L EH F T | light L AY T | of AH V | on AA N | purple P ER P AH L | red R EH D
right R AY T | ring R IH NG | see S IY | small S M AO L | square S K W EH R | star S T AA R | that DH AE T
the DH AH | there DH EH R | to T UW | triangle T R AY AE NG G AH L | we W IY | yellow Y EH L OW
"""
LEXICON: dict[str, tuple[str, ...]] = {
    entry.split()[0]: tuple(entry.split()[1:]) for line in _LEXICON.strip().splitlines() for entry in line.split("|")
}


def speak(words: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """One utterance in a voice drawn from `rng`.

    Args:
        words: words of `LEXICON`.
        rng: draws pitch (about 95 to 235 Hz, falling towards the end), rate, size of the vocal tract, gain and noise.

    Returns:
        float32 `[samples]` in [-1, 1] at `SAMPLE_RATE`.

    Raises:
        DataError: no words, or a word that `LEXICON` lacks.
    """
    if not words:
        raise DataError("no words to speak; give at least one")
    start = int(rng.integers(1, len(PITCHES)))
    rate = RATES[rng.integers(len(RATES))]
    falls_at = len(words) * rng.uniform(0.4, 0.8)
    pitches = [PITCHES[start - (position > falls_at)] for position in range(len(words))]
    wave = _join([word_waveform(word, pitch, rate) for word, pitch in zip(words, pitches, strict=True)])
    # Playing a few percent faster or slower moves the formants, as a smaller or larger head does.
    step = rng.uniform(0.95, 1.05)
    wave = np.interp(np.arange(0, len(wave) - 1, step), np.arange(len(wave)), wave)
    signal_to_noise = 10 ** (rng.uniform(22, 35) / 20)
    wave += rng.normal(0, np.sqrt(np.mean(wave**2)) / signal_to_noise, len(wave))
    return (wave * (rng.uniform(0.4, 0.95) / np.abs(wave).max())).astype(np.float32)


@functools.lru_cache(maxsize=4096)
def word_waveform(word: str, pitch: float, rate: float) -> np.ndarray:
    """One word, float64 `[samples]` at `SAMPLE_RATE`, about unit amplitude; the array must not be changed.

    Args:
        word: a word of `LEXICON`.
        pitch: fundamental frequency at the word's start in Hz; it falls by 6% within the word.
        rate: factor of speed, 1 for about 12 phonemes a second.

    Raises:
        DataError: `LEXICON` lacks the word.
    """
    if word not in LEXICON:
        raise DataError(f"no pronunciation of {word!r}; add it to synth.py's lexicon")
    segments = [segment for phoneme in LEXICON[word] for segment in PHONEMES[phoneme]]
    frames = [max(2, round(segment.duration / rate * SAMPLE_RATE / 1000 / _HOP)) for segment in segments]

    def track(values: list, width: int) -> np.ndarray:
        return _smooth(np.repeat(np.asarray(values, np.float64), frames, axis=0), width)

    formants = track([[*segment.formants, _FOURTH_FORMANT] for segment in segments], 7)  # [frames, 4]
    voiced = _voiced(formants, track([[segment.voice] for segment in segments], 3)[:, 0], pitch)
    rng = np.random.default_rng([zlib.crc32(word.encode()), round(pitch), round(rate * 100)])
    noisy = _friction(
        track([[segment.noise] for segment in segments], 3)[:, 0],
        np.repeat([segment.noise_band for segment in segments], frames, axis=0),
        rng,
    )
    return voiced + noisy


def _smooth(track: np.ndarray, width: int) -> np.ndarray:
    """Moving average of `[frames, n]` over `width` frames, which makes transitions between phonemes smooth."""
    half = width // 2
    total = np.cumsum(np.pad(track, ((half + 1, half), (0, 0)), mode="edge"), axis=0)
    return (total[width:] - total[:-width]) / width


def _voiced(formants: np.ndarray, amplitude: np.ndarray, pitch: float) -> np.ndarray:
    """Sum of harmonics below the Nyquist frequency, each weighted by the resonators' response at its frequency.

    The source falls by 4.5 dB per octave: 12 of the glottis, minus 6 of the radiation at the lips, minus 1.5 of
    pre-emphasis.
    """
    samples = len(amplitude) * _HOP
    position = (np.arange(samples) + 0.5) / _HOP - 0.5
    frequency = pitch * (1 - 0.06 * np.arange(samples) / samples)  # [samples]
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    harmonics = np.arange(1, int(SAMPLE_RATE / 2 / pitch) + 1)  # [harmonics]
    gain = _response(formants, harmonics * pitch) * (amplitude[:, None] / harmonics**0.75)  # [frames, harmonics]
    low = np.clip(position.astype(int), 0, len(gain) - 1)
    high = np.minimum(low + 1, len(gain) - 1)
    share = np.clip(position - low, 0, 1)[:, None]
    weights = gain[low] * (1 - share) + gain[high] * share  # [samples, harmonics]
    return 0.3 * np.einsum("sh,sh->s", weights, np.sin(phase[:, None] * harmonics))


def _response(formants: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Magnitude `[frames, frequencies]` of the cascade of resonators at `formants` `[frames, 4]`, 1 at 0 Hz."""
    centre, half = formants[:, None, :], _BANDWIDTHS / 2
    at = frequencies[None, :, None]
    norm = np.sqrt(((at - centre) ** 2 + half**2) * ((at + centre) ** 2 + half**2))
    return np.prod((centre**2 + half**2) / norm, axis=-1)


def _friction(amplitude: np.ndarray, bands: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise shaped in overlapping Hann windows: `amplitude` `[frames]`, `bands` `[frames, 2]` (Hz)."""
    window = np.hanning(2 * _HOP + 1)[:-1]
    frames = rng.normal(size=(len(amplitude), 2 * _HOP)) * window
    bins = np.fft.rfftfreq(2 * _HOP, 1 / SAMPLE_RATE)
    shape = np.exp(-(((bins - bands[:, :1]) / bands[:, 1:]) ** 2)) * amplitude[:, None]
    shaped = np.fft.irfft(np.fft.rfft(frames) * shape, axis=-1)
    wave = np.zeros((len(amplitude) + 1, _HOP))
    wave[:-1] += shaped[:, :_HOP]
    wave[1:] += shaped[:, _HOP:]
    return wave.reshape(-1)[: len(amplitude) * _HOP]


def _join(waves: list[np.ndarray]) -> np.ndarray:
    """Joins words. Neighbours overlap by `_FADE` samples, in which one fades out and the next fades in."""
    ramp = np.linspace(0, 1, _FADE)
    ends = np.cumsum([len(wave) - _FADE for wave in waves])
    joined = np.zeros(ends[-1] + _FADE)
    for wave, end in zip(waves, ends, strict=True):
        faded = wave.copy()
        faded[:_FADE] *= ramp
        faded[-_FADE:] *= ramp[::-1]
        joined[end + _FADE - len(wave) : end + _FADE] += faded
    return joined
