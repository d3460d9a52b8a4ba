"""Sentences and trees of the mini suite against grammar written by hand."""

import itertools

import pytest

from t2t_multimodel.problems.mini import english, french, german
from t2t_multimodel.problems.mini.world import OPPOSITE, RELATIONS, THINGS, Scene, Thing, generator, sample_scene

# (things, background, relation, pattern, English, German, French)
GOLDEN = [
    (
        "small red circle, large blue square",
        "light",
        "left",
        "statement",
        "a small red circle is to the left of a large blue square",
        "ein kleiner roter Kreis ist links von einem großen blauen Quadrat",
        "un petit cercle rouge est à gauche d'un grand carré bleu",
    ),
    (
        "large green star, small brown diamond",
        "light",
        "right",
        "statement",
        "a large green star is to the right of a small brown diamond",
        "ein großer grüner Stern ist rechts von einer kleinen braunen Raute",
        "une grande étoile verte est à droite d'un petit losange brun",
    ),
    (
        "small purple cross, large yellow ring",
        "dark",
        "above",
        "existential",
        "there is a small purple cross above a large yellow ring",
        "es gibt ein kleines violettes Kreuz über einem großen gelben Ring",
        "il y a une petite croix violette au-dessus d'un grand anneau jaune",
    ),
    (
        "small red circle, large brown star",
        "dark",
        "above",
        "existential",
        "there is a small red circle above a large brown star",
        "es gibt einen kleinen roten Kreis über einem großen braunen Stern",
        "il y a un petit cercle rouge au-dessus d'une grande étoile brune",
    ),
    (
        "large blue diamond",
        "dark",
        "",
        "existential",
        "there is a large blue diamond on a dark background",
        "es gibt eine große blaue Raute auf einem dunklen Hintergrund",
        "il y a un grand losange bleu sur un fond sombre",
    ),
    (
        "small red triangle, large green diamond",
        "dark",
        "below",
        "fronted",
        "below a large green diamond there is a small red triangle",
        "unter einer großen grünen Raute liegt ein kleines rotes Dreieck",
        "sous un grand losange vert se trouve un petit triangle rouge",
    ),
    (
        "small red ring, small blue cross",
        "dark",
        "below",
        "relative",
        "we see a small red ring that is below a small blue cross",
        "wir sehen einen kleinen roten Ring, der unter einem kleinen blauen Kreuz liegt",
        "nous voyons un petit anneau rouge qui se trouve sous une petite croix bleue",
    ),
    (
        "small red diamond",
        "light",
        "",
        "relative",
        "we see a small red diamond that is on a light background",
        "wir sehen eine kleine rote Raute, die auf einem hellen Hintergrund liegt",
        "nous voyons un petit losange rouge qui se trouve sur un fond clair",
    ),
    (
        "small red cross",
        "light",
        "",
        "relative",
        "we see a small red cross that is on a light background",
        "wir sehen ein kleines rotes Kreuz, das auf einem hellen Hintergrund liegt",
        "nous voyons une petite croix rouge qui se trouve sur un fond clair",
    ),
    (
        "small green star, large blue cross",
        "light",
        "left",
        "predicate",
        "the star to the left of the large blue cross is small and green",
        "der Stern links vom großen blauen Kreuz ist klein und grün",
        "l'étoile à gauche de la grande croix bleue est petite et verte",
    ),
    (
        "large purple cross, small brown diamond",
        "light",
        "right",
        "predicate",
        "the cross to the right of the small brown diamond is large and purple",
        "das Kreuz rechts von der kleinen braunen Raute ist groß und violett",
        "la croix à droite du petit losange brun est grande et violette",
    ),
    (
        "small yellow circle, large red diamond",
        "light",
        "above",
        "predicate",
        "the circle above the large red diamond is small and yellow",
        "der Kreis über der großen roten Raute ist klein und gelb",
        "le cercle au-dessus du grand losange rouge est petit et jaune",
    ),
    (
        "large blue diamond",
        "dark",
        "",
        "predicate",
        "the diamond on the dark background is large and blue",
        "die Raute auf dem dunklen Hintergrund ist groß und blau",
        "le losange sur le fond sombre est grand et bleu",
    ),
    (
        "small red circle, large brown cross",
        "dark",
        "left",
        "coordination",
        "a small red circle and a large brown cross are on a dark background",
        "ein kleiner roter Kreis und ein großes braunes Kreuz liegen auf einem dunklen Hintergrund",
        "un petit cercle rouge et une grande croix brune se trouvent sur un fond sombre",
    ),
]


def scene_of(things: str, background: str, relation: str) -> Scene:
    parts = [text.split() for text in things.split(", ")]
    return Scene(tuple(Thing(kind, colour, size) for size, colour, kind in parts), background, relation)


def all_described_scenes():
    """Every thing in both positions, every relation, background and pattern."""
    other = Thing("star", "green", "large")
    for thing, background in itertools.product(THINGS, ("light", "dark")):
        scenes = [Scene((thing,), background)]
        if thing != other:
            scenes += [Scene((thing, other), background, relation) for relation in RELATIONS]
            scenes += [Scene((other, thing), background, relation) for relation in RELATIONS]
        for scene in scenes:
            for pattern in english.patterns(scene):
                yield scene, pattern


@pytest.mark.parametrize("things,background,relation,pattern,in_english,in_german,in_french", GOLDEN)
def test_sentences_equal_those_written_by_hand(things, background, relation, pattern, in_english, in_german, in_french):
    scene = scene_of(things, background, relation)
    assert english.sentence(scene, pattern) == in_english
    assert german.sentence(scene, pattern) == in_german
    assert french.sentence(scene, pattern) == in_french


GOLDEN_TREES = {
    "statement": "S NP DT JJ JJ NN /NP VP VBZ PP TO NP NP DT NN /NP PP IN NP DT JJ JJ NN /NP /PP /NP /PP /VP /S",
    "existential": "S NP EX /NP VP VBZ NP DT JJ JJ NN /NP PP TO NP NP DT NN /NP PP IN NP DT JJ JJ NN /NP /PP /NP /PP"
    " /VP /S",
    "fronted": "S PP TO NP NP DT NN /NP PP IN NP DT JJ JJ NN /NP /PP /NP /PP NP EX /NP VP VBZ NP DT JJ JJ NN /NP"
    " /VP /S",
    "relative": "S NP PRP /NP VP VBP NP NP DT JJ JJ NN /NP SBAR WHNP WDT /WHNP S VP VBZ PP TO NP NP DT NN /NP PP IN NP"
    " DT JJ JJ NN /NP /PP /NP /PP /VP /S /SBAR /NP /VP /S",
    "predicate": "S NP NP DT NN /NP PP TO NP NP DT NN /NP PP IN NP DT JJ JJ NN /NP /PP /NP /PP /NP VP VBZ ADJP JJ CC JJ"
    " /ADJP /VP /S",
    "coordination": "S NP NP DT JJ JJ NN /NP CC NP DT JJ JJ NN /NP /NP VP VBP PP IN NP DT JJ NN /NP /PP /VP /S",
}


@pytest.mark.parametrize("pattern", english.PAIR_PATTERNS)
def test_trees_equal_those_written_by_hand(pattern):
    scene = scene_of("small red circle, large blue square", "light", "left")
    assert " ".join(english.linearize(english.tree(scene, pattern))) == GOLDEN_TREES[pattern]


def test_linearization_is_that_of_tensor2tensor():
    noun_phrase = ("NP", ("DT", "the"), ("NN", "mat"))
    tree = (
        "S",
        ("NP", ("DT", "The"), ("NN", "cat")),
        ("VP", ("VBD", "sat"), ("PP", ("IN", "on"), noun_phrase)),
        (".", "."),
    )
    assert english.leaves(tree) == ["The", "cat", "sat", "on", "the", "mat", "."]
    assert (
        " ".join(english.linearize(tree)) == "S NP DT NN /NP VP VBD PP IN NP DT NN /NP /PP /VP . /S"
    )  # wsj_linearization of the golden vectors


def test_every_tree_is_balanced_and_has_one_tag_for_each_word():
    for scene, pattern in all_described_scenes():
        tree = english.tree(scene, pattern)
        labels = english.linearize(tree)
        constituents = {label[1:] for label in labels if label.startswith("/")}
        open_labels, tags = [], 0
        for label in labels:
            if label in constituents:
                open_labels.append(label)
            elif label.startswith("/"):
                assert open_labels.pop() == label[1:]
            else:
                tags += 1
        assert not open_labels
        assert tags == len(english.sentence(scene, pattern).split())


@pytest.mark.parametrize("language", [english, german, french])
def test_a_sentence_alone_determines_its_translation(language):
    """Descriptions that differ in another language also differ in this one."""
    told = {}
    for scene, pattern in all_described_scenes():
        all_three = tuple(each.sentence(scene, pattern) for each in (english, german, french))
        assert told.setdefault(language.sentence(scene, pattern), all_three) == all_three


def test_sentences_have_eight_to_sixteen_words():
    lengths = {len(english.sentence(*described).split()) for described in all_described_scenes()}
    assert min(lengths) >= 8 and max(lengths) <= 16


def test_a_canonical_scene_shows_the_same_and_is_told_in_one_order():
    rng = generator(0, "train", 0, 0)
    for _ in range(200):
        scene = sample_scene(rng, "train")
        if len(scene.things) == 1:
            assert scene.canonical() == scene
            continue
        turned = Scene(scene.things[::-1], scene.background, OPPOSITE[scene.relation])
        canonical = scene.canonical()
        assert canonical == turned.canonical() and canonical in (scene, turned)
        sizes = [thing.size for thing in canonical.things]
        assert sizes == ["large", "small"] or (sizes[0] == sizes[1] and canonical.relation in ("left", "above"))
