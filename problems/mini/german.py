"""German descriptions of the mini suite's scenes: gender, case, adjective endings, verb second and verb final."""

from __future__ import annotations

from t2t_multimodel.problems.mini.world import Scene, Thing

_NOUNS = {  # kind: (noun, gender)
    "circle": ("Kreis", "m"),
    "square": ("Quadrat", "n"),
    "triangle": ("Dreieck", "n"),
    "star": ("Stern", "m"),
    "cross": ("Kreuz", "n"),
    "ring": ("Ring", "m"),
    "diamond": ("Raute", "f"),
}
_ADJECTIVES = {
    "small": "klein",
    "large": "groß",
    "red": "rot",
    "green": "grün",
    "blue": "blau",
    "yellow": "gelb",
    "purple": "violett",
    "brown": "braun",
    "light": "hell",
    "dark": "dunkel",
}
_PLACES = {"left": "links von", "right": "rechts von", "above": "über", "below": "unter"}
_INDEFINITE = {  # (case, gender): (article, adjective ending)
    ("nominative", "m"): ("ein", "er"),
    ("nominative", "n"): ("ein", "es"),
    ("nominative", "f"): ("eine", "e"),
    ("accusative", "m"): ("einen", "en"),
    ("accusative", "n"): ("ein", "es"),
    ("accusative", "f"): ("eine", "e"),
    ("dative", "m"): ("einem", "en"),
    ("dative", "n"): ("einem", "en"),
    ("dative", "f"): ("einer", "en"),
}
_DEFINITE_NOMINATIVE = {"m": "der", "n": "das", "f": "die"}
_DEFINITE_DATIVE = {"m": "dem", "n": "dem", "f": "der"}


def sentence(scene: Scene, pattern: str) -> str:
    """The German sentence that describes `scene` by `pattern` (see `english.patterns`)."""
    first = scene.things[0]
    noun, gender = _NOUNS[first.kind]
    if pattern == "statement":
        return f"{_noun_phrase(first, 'nominative')} ist {_place(scene)}"
    if pattern == "existential":
        return f"es gibt {_noun_phrase(first, 'accusative')} {_place(scene)}"
    if pattern == "fronted":
        return f"{_place(scene)} liegt {_noun_phrase(first, 'nominative')}"
    if pattern == "relative":
        pronoun = _DEFINITE_NOMINATIVE[gender]
        return f"wir sehen {_noun_phrase(first, 'accusative')}, {pronoun} {_place(scene)} liegt"
    if pattern == "predicate":
        size, colour = _ADJECTIVES[first.size], _ADJECTIVES[first.colour]
        return f"{_DEFINITE_NOMINATIVE[gender]} {noun} {_definite_place(scene)} ist {size} und {colour}"
    both = " und ".join(_noun_phrase(thing, "nominative") for thing in scene.things)
    return f"{both} liegen {_background(scene.background, 'einem')}"


def _noun_phrase(thing: Thing, case: str) -> str:
    noun, gender = _NOUNS[thing.kind]
    article, ending = _INDEFINITE[case, gender]
    return f"{article} {_inflect(thing.size, ending)} {_inflect(thing.colour, ending)} {noun}"


def _inflect(adjective: str, ending: str) -> str:
    stem = _ADJECTIVES[adjective]
    return ("dunkl" if stem == "dunkel" else stem) + ending


def _background(background: str, article: str) -> str:
    return f"auf {article} {_inflect(background, 'en')} Hintergrund"


def _place(scene: Scene) -> str:
    """Where the first thing is, as a prepositional phrase with an indefinite dative."""
    if len(scene.things) == 1:
        return _background(scene.background, "einem")
    return f"{_PLACES[scene.relation]} {_noun_phrase(scene.things[1], 'dative')}"


def _definite_place(scene: Scene) -> str:
    """The same with a definite dative; ``von dem`` contracts to ``vom``."""
    if len(scene.things) == 1:
        return _background(scene.background, "dem")
    landmark = scene.things[1]
    noun, gender = _NOUNS[landmark.kind]
    start = f"{_PLACES[scene.relation]} {_DEFINITE_DATIVE[gender]}".replace("von dem", "vom")
    return f"{start} {_inflect(landmark.size, 'en')} {_inflect(landmark.colour, 'en')} {noun}"
