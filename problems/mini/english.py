"""English descriptions of the mini suite's scenes, each with its gold tree in the style of the Penn Treebank."""

from __future__ import annotations

from t2t_multimodel.problems.mini.world import Scene, Thing

SINGLE_PATTERNS = ("statement", "existential", "fronted", "relative", "predicate")
PAIR_PATTERNS = (*SINGLE_PATTERNS, "coordination")

# A tree is (label, child, child, ...); a preterminal is (tag, word).
Tree = tuple


def patterns(scene: Scene) -> tuple[str, ...]:
    """Names of the sentence patterns that can describe `scene`; the same names in every language."""
    return PAIR_PATTERNS if len(scene.things) == 2 else SINGLE_PATTERNS


def tree(scene: Scene, pattern: str) -> Tree:
    """The tree of the sentence that describes `scene` by `pattern`, an element of `patterns(scene)`."""
    first = scene.things[0]
    there, verb = ("NP", ("EX", "there")), ("VBZ", "is")
    if pattern == "statement":
        return ("S", _noun_phrase(first), ("VP", verb, _place(scene)))
    if pattern == "existential":
        return ("S", there, ("VP", verb, _noun_phrase(first), _place(scene)))
    if pattern == "fronted":
        return ("S", _place(scene), there, ("VP", verb, _noun_phrase(first)))
    if pattern == "relative":
        clause = ("SBAR", ("WHNP", ("WDT", "that")), ("S", ("VP", verb, _place(scene))))
        return ("S", ("NP", ("PRP", "we")), ("VP", ("VBP", "see"), ("NP", _noun_phrase(first), clause)))
    if pattern == "predicate":
        subject = ("NP", ("NP", ("DT", "the"), ("NN", first.kind)), _place(scene, "the"))
        return ("S", subject, ("VP", verb, ("ADJP", ("JJ", first.size), ("CC", "and"), ("JJ", first.colour))))
    both = ("NP", _noun_phrase(first), ("CC", "and"), _noun_phrase(scene.things[1]))
    return ("S", both, ("VP", ("VBP", "are"), _on_background(scene.background, "a")))


def sentence(scene: Scene, pattern: str) -> str:
    """The English sentence: the leaves of `tree(scene, pattern)`."""
    return " ".join(leaves(tree(scene, pattern)))


def leaves(node: Tree) -> list[str]:
    """The words of a tree, left to right."""
    if isinstance(node[1], str):
        return [node[1]]
    return [word for child in node[1:] for word in leaves(child)]


def linearize(node: Tree) -> list[str]:
    """Labels of a tree without its words, as Tensor2Tensor writes them: ``S NP DT NN /NP VP VBZ /VP /S``."""
    if isinstance(node[1], str):
        return [node[0]]
    return [node[0], *(label for child in node[1:] for label in linearize(child)), f"/{node[0]}"]


def _noun_phrase(thing: Thing, determiner: str = "a") -> Tree:
    return ("NP", ("DT", determiner), ("JJ", thing.size), ("JJ", thing.colour), ("NN", thing.kind))


def _on_background(background: str, determiner: str) -> Tree:
    return ("PP", ("IN", "on"), ("NP", ("DT", determiner), ("JJ", background), ("NN", "background")))


def _place(scene: Scene, determiner: str = "a") -> Tree:
    if len(scene.things) == 1:
        return _on_background(scene.background, determiner)
    landmark = _noun_phrase(scene.things[1], determiner)
    if scene.relation in ("above", "below"):
        return ("PP", ("IN", scene.relation), landmark)
    side = ("NP", ("DT", "the"), ("NN", scene.relation))
    return ("PP", ("TO", "to"), ("NP", side, ("PP", ("IN", "of"), landmark)))
