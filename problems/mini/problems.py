"""The mini suite: nine problems on one small generated world, without any download.

Scenes of one or two shapes (`world`), their images (`render`), descriptions in English with gold trees, in German and
in French (`english`, `german`, `french`), and the English sentences as speech (`synth`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.problems.mini import english, french, german, synth
from t2t_multimodel.problems.mini import render as mini_render
from t2t_multimodel.problems.mini import world as mini_world
from t2t_multimodel.problems.tree_output import TreeOutputMixin
from t2t_multimodel.registry import register_problem, register_suite

_IMAGE_SIZE = 48
_SCENE_STREAM, _RENDERING_STREAM = 0, 1
_SENTENCE = {"en": english.sentence, "de": german.sentence, "fr": french.sentence}
_COMMANDS = {"en": "to_english", "de": "to_german", "fr": "to_french"}


def _sizes(train: int, dev: int, test: int) -> dict[str, int]:
    return {"train_examples": train, "dev_examples": dev, "test_examples": test}


class MiniProblem(Problem):
    """A problem of the generated world; subclasses make one example from its number."""

    options = _sizes(8000, 400, 400)
    source_help = "it is generated and needs no --source_dir"

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Generates `<split>_examples` examples; example i is a pure function of (seed, split, i)."""
        options = {**self.options, **source.options}
        for name, least in (("train_examples", 0), ("dev_examples", 0), ("test_examples", 0), ("image_size", 16)):
            if options.get(name, least) < least:
                raise MultiModelError(f"option {self.name}.{name}={options[name]} is too small; give {least} or more")
        for index in range(options.get(f"{split}_examples", 0)):
            yield self.example(split, index, source.seed, options)

    def example(self, split: str, index: int, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """One raw example.

        Args:
            split: ``"train"``, ``"dev"`` or ``"test"``.
            index: 0-based number in the split.
            seed: seed of the suite; problems with the same seed describe the same scenes.
            options: values of all of the problem's options.
        """
        raise NotImplementedError


def _described_scene(split: str, index: int, seed: int) -> tuple[mini_world.Scene, str]:
    """A scene and the sentence pattern that describes it, the same for all languages."""
    rng = mini_world.generator(seed, split, index, _SCENE_STREAM)
    scene = mini_world.sample_scene(rng, split)
    names = english.patterns(scene)
    return scene, names[rng.integers(len(names))]


@register_problem("mini_image_class")
class MiniImageClass(MiniProblem):
    """Kind and colour of a shape."""

    inputs = ImageSpec(size=_IMAGE_SIZE, augment=False)
    targets = ClassLabelSpec(len(mini_world.KINDS) * len(mini_world.COLOURS))
    options = {**_sizes(6000, 400, 400), "image_size": _IMAGE_SIZE}

    def example(self, split: str, index: int, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """An image and its class. No combination is held out: dev images differ from train in position and shade."""
        scene = mini_world.sample_single(mini_world.generator(seed, split, index, _SCENE_STREAM))
        rng = mini_world.generator(seed, split, index, _RENDERING_STREAM)
        (thing,) = scene.things
        return {
            "inputs": mini_render.render(scene, rng, size=options["image_size"], close_up=True),
            "targets": mini_world.KINDS.index(thing.kind) * len(mini_world.COLOURS)
            + mini_world.COLOURS.index(thing.colour),
            "meta/text": english.sentence(scene, "existential"),
        }

    def label_names(self, source: Source) -> list[str]:
        """Names such as ``red circle``, in the order of the classes."""
        del source
        return [f"{colour} {kind}" for kind in mini_world.KINDS for colour in mini_world.COLOURS]


@register_problem("mini_caption")
class MiniCaption(MiniProblem):
    """English description of an image.

    The image alone determines it: one sentence pattern for one thing and another for two.
    """

    inputs = ImageSpec(size=_IMAGE_SIZE, augment=False)  # a flip would turn left into right
    targets = SymbolSpec()
    command = "to_english_caption"
    metrics = ("cider", "bleu_4", "rouge_l")
    options = {**_sizes(6000, 400, 400), "image_size": _IMAGE_SIZE}

    def example(self, split: str, index: int, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """An image and its caption."""
        scene = _described_scene(split, index, seed)[0].canonical()
        rng = mini_world.generator(seed, split, index, _RENDERING_STREAM)
        text = english.sentence(scene, "existential" if len(scene.things) == 1 else "statement")
        image = mini_render.render(scene, rng, size=options["image_size"])
        return {"inputs": image, "targets": text, "meta/text": text}


@register_problem("mini_speech")
class MiniSpeech(MiniProblem):
    """Transcript of a synthetic voice."""

    inputs = AudioSpec(sample_rate=synth.SAMPLE_RATE, augment=False)
    targets = SymbolSpec()
    command = "to_transcript"
    metrics = ("wer", "cer")
    options = _sizes(3000, 200, 200)

    def example(self, split: str, index: int, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """An utterance, float32 `[samples]`, and its words."""
        del options
        text = english.sentence(*_described_scene(split, index, seed))
        rng = mini_world.generator(seed, split, index, _RENDERING_STREAM)
        return {"inputs": synth.speak(text.split(), rng), "targets": text, "meta/text": text}


@register_problem("mini_parsing")
class MiniParsing(TreeOutputMixin, MiniProblem):
    """Parse tree of an English sentence.

    It is linearized without its words.
    """

    inputs = SymbolSpec()
    targets = SymbolSpec()
    command = "to_parse_tree"
    metrics = ("bracket_f1",)

    def example(self, split: str, index: int, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """A sentence and its gold tree as a list of labels."""
        del options
        tree = english.tree(*_described_scene(split, index, seed))
        return {
            "inputs": " ".join(english.leaves(tree)),
            "targets": [Label(label) for label in english.linearize(tree)],
        }


class MiniTranslation(MiniProblem):
    """Translation between two of ``en``, ``de`` and ``fr``; the source sentence alone determines its translation."""

    inputs = SymbolSpec()
    targets = SymbolSpec()
    metrics = ("bleu", "chrf", "ter")
    languages: tuple[str, str]

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.command = _COMMANDS[cls.languages[1]]

    def example(self, split: str, index: int, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """A pair of sentences."""
        del options
        described = _described_scene(split, index, seed)
        source, target = (_SENTENCE[language](*described) for language in self.languages)
        return {"inputs": source, "targets": target}


@register_problem("mini_translate_ende")
class MiniTranslateEnde(MiniTranslation):
    """English to German."""

    languages = ("en", "de")


@register_problem("mini_translate_deen")
class MiniTranslateDeen(MiniTranslation):
    """German to English."""

    languages = ("de", "en")


@register_problem("mini_translate_enfr")
class MiniTranslateEnfr(MiniTranslation):
    """English to French."""

    languages = ("en", "fr")


@register_problem("mini_translate_fren")
class MiniTranslateFren(MiniTranslation):
    """French to English."""

    languages = ("fr", "en")


@register_problem("mini_translate_defr")
class MiniTranslateDefr(MiniTranslation):
    """German to French."""

    languages = ("de", "fr")


register_suite(
    "mini",
    [
        "mini_image_class",
        "mini_caption",
        "mini_speech",
        "mini_parsing",
        "mini_translate_ende",
        "mini_translate_deen",
        "mini_translate_enfr",
        "mini_translate_fren",
        "mini_translate_defr",
    ],
)
