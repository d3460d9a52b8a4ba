"""The nine problems of the mini suite: what they yield, split by split."""

import io
import itertools
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from t2t_multimodel import registry
from t2t_multimodel.data.problem import SPLITS, Source, parse_options
from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import DataError, MultiModelError
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.problems.mini.world import THINGS, Scene, generator, sample_scene
from t2t_multimodel.text import bracket_files, linearization

NAMES = [
    "mini_image_class",
    "mini_caption",
    "mini_speech",
    "mini_parsing",
    "mini_translate_ende",
    "mini_translate_deen",
    "mini_translate_enfr",
    "mini_translate_fren",
    "mini_translate_defr",
]
COMMANDS = {
    "mini_caption": "to_english_caption",
    "mini_speech": "to_transcript",
    "mini_parsing": "to_parse_tree",
    "mini_translate_ende": "to_german",
    "mini_translate_deen": "to_english",
    "mini_translate_enfr": "to_french",
    "mini_translate_fren": "to_english",
    "mini_translate_defr": "to_french",
}


def examples_of(name: str, split: str, count: int, *, seed: int = 0, **options) -> list[dict]:
    problem = registry.problem(name)
    sizes = {f"{each}_examples": count for each in SPLITS}
    return list(problem.examples(split, Source(seed=seed, options={**problem.options, **sizes, **options})))


def same(first, second) -> bool:
    return np.array_equal(first, second) if isinstance(first, np.ndarray) else first == second


def test_the_suite_names_the_nine_problems():
    assert registry.expand_problems("mini") == NAMES


def test_the_suite_loads_without_tensorflow():
    code = "import sys; from t2t_multimodel import registry; registry.problem('mini_speech'); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "t2t_multimodel.problems.mini.problems" in modules and "tensorflow" not in modules


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_what_the_specs_declare(name):
    problem = registry.problem(name)
    assert problem.name == name and problem.command == COMMANDS.get(name, "")
    for example in itertools.chain.from_iterable(examples_of(name, split, 5) for split in SPLITS):
        assert {key for key in example if not key.startswith("meta/")} == {"inputs", "targets"}
        check_input(problem.inputs, example["inputs"])
        if isinstance(problem.targets, ClassLabelSpec):
            assert 0 <= example["targets"] < problem.targets.num_classes
        elif name == "mini_parsing":
            assert all(isinstance(label, Label) for label in example["targets"])
            tags = [label for label in example["targets"] if "/" + label not in example["targets"] and label[0] != "/"]
            assert len(tags) == len(example["inputs"].split())
        else:
            assert isinstance(example["targets"], str) and 8 <= len(example["targets"].split()) <= 18


def check_input(spec, value) -> None:
    if isinstance(spec, ImageSpec):
        assert isinstance(value, bytes) and Image.open(io.BytesIO(value)).size == (spec.size, spec.size)
    elif isinstance(spec, AudioSpec):
        assert value.dtype == np.float32 and np.abs(value).max() <= 1
        assert 1 < len(value) / spec.sample_rate < 4
    else:
        assert isinstance(spec, SymbolSpec) and isinstance(value, str) and len(value.split()) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_function_of_seed_split_and_index(name):
    some, fewer = examples_of(name, "train", 6), examples_of(name, "train", 3)
    assert [*map(len, (some, fewer))] == [6, 3]
    for first, second in zip(some, fewer):
        assert first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    for split, seed in (("dev", 0), ("train", 1)):
        others = examples_of(name, split, 3, seed=seed)
        assert not all(same(first["inputs"], other["inputs"]) for first, other in zip(some, others))


@pytest.mark.parametrize("name", ["mini_translate_ende", "mini_parsing", "mini_speech", "mini_caption"])
def test_no_sentence_occurs_in_two_splits(name):
    sides = {}
    count = 2000 if name == "mini_translate_ende" else 60
    for split in SPLITS:
        examples = examples_of(name, split, count)
        sides[split] = {example.get("meta/text", example["inputs"]) for example in examples}
        assert len(sides[split]) > 0.3 * count
    assert not sides["train"] & (sides["dev"] | sides["test"]) and not sides["dev"] & sides["test"]


def test_what_is_held_out_is_the_pair_whatever_is_said_of_it():
    rng = generator(0, "dev", 0, 0)
    scene = next(scene for scene in iter(lambda: sample_scene(rng, "dev"), None) if len(scene.things) == 2)
    for things, relation in itertools.product((scene.things, scene.things[::-1]), ("left", "above", "below")):
        assert Scene(things, "light", relation).split == "dev"


def test_every_thing_is_told_of_in_training():
    told = {scene.things[0] for scene in (sample_scene(generator(0, "train", i, 0), "train") for i in range(1500))}
    assert told == set(THINGS)


def test_no_picture_occurs_in_two_splits():
    pictures = [example["inputs"] for split in SPLITS for example in examples_of("mini_image_class", split, 50)]
    assert len(set(pictures)) == len(pictures)


def test_class_names_tell_what_the_picture_shows():
    problem = registry.problem("mini_image_class")
    names = problem.label_names(Source())
    assert len(set(names)) == len(names) == problem.targets.num_classes and "red circle" in names
    examples = examples_of("mini_image_class", "train", 200)
    assert all(names[example["targets"]] in example["meta/text"] for example in examples)
    assert len({example["targets"] for example in examples}) > 0.9 * len(names)


def test_problems_of_one_seed_tell_of_the_same_scenes():
    forth, back = examples_of("mini_translate_ende", "dev", 5), examples_of("mini_translate_deen", "dev", 5)
    onward = examples_of("mini_translate_defr", "dev", 5)
    assert [(e["inputs"], e["targets"]) for e in forth] == [(e["targets"], e["inputs"]) for e in back]
    assert [e["targets"] for e in forth] == [e["inputs"] for e in onward]


def test_options_set_sizes():
    problem = registry.problem("mini_caption")
    options = parse_options(problem, "train_examples=3,dev_examples=0,mini_caption.image_size=32")
    examples = list(problem.examples("train", Source(options=options)))
    assert len(examples) == 3 and Image.open(io.BytesIO(examples[0]["inputs"])).size == (32, 32)
    assert not list(problem.examples("dev", Source(options=options)))


@pytest.mark.parametrize("options", [{"train_examples": -1}, {"image_size": 2}])
def test_options_out_of_range_are_errors(options):
    with pytest.raises(MultiModelError, match=next(iter(options))):
        list(registry.problem("mini_caption").examples("train", Source(options=options)))


@pytest.mark.parametrize("arguments", [(0, "validation", 0, 0), (-1, "train", 0, 0)])
def test_streams_of_unknown_splits_or_negative_seeds_are_errors(arguments):
    with pytest.raises(DataError):
        generator(*arguments)


def test_a_parse_is_presented_as_a_tree_with_its_words():
    problem = registry.problem("mini_parsing")
    (example,) = examples_of("mini_parsing", "dev", 1)
    shown = problem.present_output(example["targets"], "", example["inputs"])
    tree = bracket_files.parse_tree(shown)
    assert tree.words() == example["inputs"].split() and linearization.linearize(tree) == example["targets"]
    assert problem.count_repairs(example["targets"], example["inputs"]) == 0


def test_a_malformed_parse_is_repaired_and_counted():
    problem = registry.problem("mini_parsing")
    labels = [Label("S"), Label("NP"), Label("DT"), Label("NN")]
    assert problem.present_output(labels, "", "a cat") == "(S (NP (DT a) (NN cat)))"
    assert problem.count_repairs(labels, "a cat") == 2
