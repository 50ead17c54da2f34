"""How far two spellings are apart, and which ones are one mistake away from what was typed."""

from __future__ import annotations

# Letters as `backend.cities.names.fold` leaves them. What is typed in another script is mended from
# its own letters alone.
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзиклмнопрстуфхцчшщъыьэюяєіґђљњћџ",
    "αβγδεζηθικλμνξοπρσςτυφχψω",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءپچژگکی",
    "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
)


def one_mistake_away(word: str) -> list[str]:
    """Every spelling with one letter left out, put in, exchanged, or swapped with its neighbour:
    about 54 a letter in Latin script.
    """
    letters = "".join(
        alphabet for alphabet in _ALPHABETS if not set(alphabet).isdisjoint(word)
    ) or "".join(set(word))
    letters += " "
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {head + tail[1:] for head, tail in halves if tail}
    found |= {head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1}
    found |= {head + letter + tail[1:] for head, tail in halves if tail for letter in letters}
    found |= {head + letter + tail for head, tail in halves for letter in letters}
    return sorted({" ".join(spelled.split()) for spelled in found} - {word, ""})


def edit_distances(typed: str, name: str) -> tuple[int, int]:
    """Mistakes between the two, and between what was typed and the beginning of the name that fits
    it best.

    A mistake is a letter left out, put in or exchanged, or two neighbours swapped (optimal string
    alignment distance).
    """
    two_above: list[int] = []
    above = list(range(len(name) + 1))
    for i, letter in enumerate(typed, 1):
        row = [i]
        for j, other in enumerate(name, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == name[j - 2] and typed[i - 2] == other:
                cost = min(cost, two_above[j - 2] + 1)
            row.append(cost)
        two_above, above = above, row
    return above[-1], min(above)
