"""French descriptions of the mini suite's scenes: gender, agreement, adjective order, elision and contraction."""

from __future__ import annotations

from t2t_multimodel.problems.mini.world import Scene, Thing

_NOUNS = {  # kind: (noun, gender)
    "circle": ("cercle", "m"),
    "square": ("carré", "m"),
    "triangle": ("triangle", "m"),
    "star": ("étoile", "f"),
    "cross": ("croix", "f"),
    "ring": ("anneau", "m"),
    "diamond": ("losange", "m"),
}
_ADJECTIVES = {  # (masculine, feminine)
    "small": ("petit", "petite"),
    "large": ("grand", "grande"),
    "red": ("rouge", "rouge"),
    "green": ("vert", "verte"),
    "blue": ("bleu", "bleue"),
    "yellow": ("jaune", "jaune"),
    "purple": ("violet", "violette"),
    "brown": ("brun", "brune"),
}
_BACKGROUNDS = {"light": "clair", "dark": "sombre"}
_PLACES = {"left": "à gauche de", "right": "à droite de", "above": "au-dessus de", "below": "sous"}
_CONTRACTIONS = (("de un", "d'un"), ("de le ", "du "))
_VOWELS = "aeiouéè"


def sentence(scene: Scene, pattern: str) -> str:
    """The French sentence that describes `scene` by `pattern` (see `english.patterns`)."""
    first = scene.things[0]
    if pattern == "statement":
        return f"{_noun_phrase(first)} est {_place(scene)}"
    if pattern == "existential":
        return f"il y a {_noun_phrase(first)} {_place(scene)}"
    if pattern == "fronted":
        return f"{_place(scene)} se trouve {_noun_phrase(first)}"
    if pattern == "relative":
        return f"nous voyons {_noun_phrase(first)} qui se trouve {_place(scene)}"
    if pattern == "predicate":
        size, colour = _agree(first.size, first), _agree(first.colour, first)
        return f"{_definite_noun(first)} {_place(scene, definite=True)} est {size} et {colour}"
    both = " et ".join(map(_noun_phrase, scene.things))
    return f"{both} se trouvent {_background(scene.background)}"


def _agree(adjective: str, thing: Thing) -> str:
    return _ADJECTIVES[adjective][_NOUNS[thing.kind][1] == "f"]


def _noun_phrase(thing: Thing, *, definite: bool = False) -> str:
    """Article, size, noun, colour: the size comes before the noun, the colour after it."""
    noun, gender = _NOUNS[thing.kind]
    article = {"m": "le", "f": "la"}[gender] if definite else {"m": "un", "f": "une"}[gender]
    return f"{article} {_agree(thing.size, thing)} {noun} {_agree(thing.colour, thing)}"


def _definite_noun(thing: Thing) -> str:
    noun, gender = _NOUNS[thing.kind]
    if noun[0] in _VOWELS:
        return f"l'{noun}"
    return f"{'le' if gender == 'm' else 'la'} {noun}"


def _background(background: str, article: str = "un") -> str:
    return f"sur {article} fond {_BACKGROUNDS[background]}"


def _place(scene: Scene, *, definite: bool = False) -> str:
    if len(scene.things) == 1:
        return _background(scene.background, "le" if definite else "un")
    phrase = f"{_PLACES[scene.relation]} {_noun_phrase(scene.things[1], definite=definite)}"
    for written, contracted in _CONTRACTIONS:
        phrase = phrase.replace(written, contracted, 1)
    return phrase
