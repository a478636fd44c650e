"""Limits of JSON schemas that can be told from the schema itself.

A regular expression in a schema becomes a grammar. Where counted repetitions are nested, as in
`((a{1,50}){1,50}){1,50}`, a text can be parsed in so many ways that one step of the generation
takes seconds, and no other completion proceeds meanwhile. So the patterns of a request may expand
to a bounded number of characters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

#: Characters of all patterns of a request, with each repetition written out.
MAX_PATTERN_SIZE: Final = 2_000

_TOKEN: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\]){0,256}\]|\((?:\?(?:[:=!>]|<[=!]|P?<\w*>))?|\{(\d*)(,?)(\d*)\}[?+]?|.",
    re.DOTALL,
)


def check_patterns(schemas: Iterable[Mapping[str, Any]]) -> None:
    """Raise ValueError when the schemas' patterns expand to more than MAX_PATTERN_SIZE."""
    size = 0
    for pattern in _patterns(schemas):
        size += pattern_size(pattern)
        if size > MAX_PATTERN_SIZE:
            raise ValueError(
                f"the patterns of the schemas expand to more than {MAX_PATTERN_SIZE} characters; "
                "use smaller repetition counts, and don't nest them"
            )


def pattern_size(pattern: str) -> int:
    """Return the number of characters of a regular expression with repetitions written out.

    An unbounded repetition counts once, because it becomes a loop.
    """
    # Of each open group: the size so far, and that of its last atom, which a count repeats.
    sizes, atoms = [0], [0]
    for token in _TOKEN.finditer(pattern):
        text = token.group()
        if text[0] == "(":
            sizes.append(0)
            atoms.append(0)
        elif text == ")" and len(sizes) > 1:
            group = max(sizes.pop(), 1)
            atoms.pop()
            sizes[-1] += group
            atoms[-1] = group
        elif text[0] == "{" and len(text) > 1:
            low, _, high = token.groups()
            times = max(int(count[:9] or 0) for count in (low, high or low))
            sizes[-1] += atoms[-1] * (times - 1)
            atoms[-1] *= max(times, 1)
        elif text not in ("*", "+", "?", "|"):
            sizes[-1] += 1
            atoms[-1] = 1
    return sum(sizes)


def _patterns(schemas: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield every regular expression in the schemas."""
    pending: list[object] = list(schemas)
    while pending:
        match pending.pop():
            case {**schema}:
                if isinstance(pattern := schema.get("pattern"), str):
                    yield pattern
                if isinstance(by_pattern := schema.get("patternProperties"), Mapping):
                    yield from by_pattern
                pending += schema.values()
            case [*schemas_of_list]:
                pending += schemas_of_list
