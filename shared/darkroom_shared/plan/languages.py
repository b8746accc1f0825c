"""Tells whether a prompt is clearly not English: by its script, or by small words that English does not have."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

from darkroom_shared.plan.prompts import Prompt

_OTHER_SCRIPT: Final = 0.3
"""Part of the letters; below it they are names or signs, such as a single Greek letter."""
_FEWEST_HITS: Final = 2

# Words that also stand in names of places and people (de, la, von, san) count only beside one that does not.
_SURE: Final[Mapping[str, frozenset[str]]] = {
    "German": frozenset(("und", "mit", "auf", "eine", "einem", "einen", "einer", "ein", "ohne", "vor", "ist", "nicht", "für")),
    "French": frozenset(("une", "avec", "dans", "sans", "est", "aux", "un", "devant", "sous")),
    "Spanish": frozenset(("una", "un", "con", "en", "sobre", "sin", "y", "por")),
    "Portuguese": frozenset(("um", "uma", "com", "em", "sem", "numa", "sobre")),
    "Italian": frozenset(("una", "un", "con", "sulla", "nella", "senza", "che", "sul", "nel")),
    "Dutch": frozenset(("een", "het", "zonder", "voor", "op", "aan", "bij")),
}
_WITH_THEM: Final[Mapping[str, frozenset[str]]] = {
    "German": frozenset(("der", "das", "den", "dem", "im", "am", "von")),
    "French": frozenset(("le", "la", "les", "des", "du", "de", "sur", "et", "au")),
    "Spanish": frozenset(("el", "la", "los", "las", "de", "del")),
    "Portuguese": frozenset(("de", "da", "do", "na", "os", "as")),
    "Italian": frozenset(("il", "la", "di", "della", "del", "e")),
    "Dutch": frozenset(("de", "van", "met")),
}
_ENGLISH: Final = frozenset(("the", "of", "with", "and", "is", "at", "by", "from", "an", "to", "over", "its", "his", "her"))


def foreign_language(prompt: Prompt) -> str:
    """A word for the language or the script that a prompt is clearly written in; empty for English and where nobody can tell."""
    if not prompt.plain.isascii():
        letters = [char for char in prompt.plain if char.isalpha()]
        others = [char for char in letters if not unicodedata.name(char, "LATIN").startswith("LATIN")]
        if letters and len(others) / len(letters) > _OTHER_SCRIPT:
            return f"{unicodedata.name(others[0], 'another').split()[0].split('-')[0].capitalize()} script"
    # A capital makes a name of it: "UN", "La Paz".
    words = [word.text for word in prompt.words if word.text.islower()]
    english = sum(word in _ENGLISH for word in words)
    best, most = "", max(english, _FEWEST_HITS - 1)
    for language, sure in _SURE.items():
        hits = sum(word in sure or word in _WITH_THEM[language] for word in words)
        if hits > most and any(word in sure for word in words):
            best, most = language, hits
    return best
