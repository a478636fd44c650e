"""Pydantic's validation errors as sentences for a person: each field's path, never its value.

Pydantic's own messages speak of Python ("Input should be a valid dictionary or instance of Text"),
and its locations name the branches of unions. Here a path has only what stands in the request, and
the branches' errors become one: "id: must be text or a whole number".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_SHOWN = 5
_MAX_PATH = 200
_MAX_MESSAGE = 300

_OBJECT: Final = "must be an object"
_LIST: Final = "must be a list"
_NUMBER: Final = "must be a number"
_INTEGER: Final = "must be a whole number"
_DATE: Final = "must be a date such as 2026-01-31"
#: Sentences by pydantic's error type; the names in braces are of the error's context.
_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "none_required": "must be null",
    "string_type": "must be text",
    "string_unicode": "must be text in UTF-8",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_from_float": _INTEGER,
    "int_parsing_size": "is too large a number",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "multiple_of": "must be a multiple of {multiple_of}",
    "decimal_max_digits": "must have at most {max_digits} digits",
    "decimal_max_places": "must have at most {decimal_places} decimals",
    "decimal_whole_digits": "must have at most {whole_digits} digits before the point",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "union_tag_invalid": "must have a {discriminator} that is one of {expected_tags}",
    "union_tag_not_found": "must have a {discriminator}",
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
}
#: What the patterns of the schemas ask for.
_FORMS: Final[Mapping[str, str]] = {
    r"^[A-Z]{3}$": "must be a currency code such as EUR",
    r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$": "must be a language code such as de or en-GB",
    r"^\d{4}-\d{2}-\d{2}$": _DATE,
    r"^[a-zA-Z0-9_.-]{1,64}$": "must have 1 to 64 letters, digits, or any of _ . -",
    r"^\d{1,9}$": "must be the number of a token",
}
_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class _Problem:
    """One error, at the path of the request that it is about."""

    path: _Path
    kind: str  # pydantic's type of the error
    sentence: str
    branch: _Path | None  # location of the outermost union that it is in, with its branch


def describe_request_errors(errors: Iterable[Any], body: object) -> str:
    """Return FastAPI's errors like describe_errors.

    Their locations begin with the part of the request: body, query, path or header.
    """
    problems = []
    for error in errors:
        part, *location = error["loc"]
        inner = {**error, "loc": tuple(location)}
        problems.append(_problem(inner, body if part == "body" else None))
    return _describe(problems, "")


def describe_errors(errors: Iterable[Any], *, body: object = None, prefix: str = "") -> str:
    """Return pydantic's first few errors as sentences.

    `body` is the JSON that was validated; without it, paths may name the branches of unions. The
    paths start with `prefix`.
    """
    return _describe([_problem(error, body) for error in errors], prefix)


def _describe(problems: Sequence[_Problem], prefix: str) -> str:
    problems = _choose_branches(problems)
    # A list's invalid entries don't count for its length.
    inner = {problem.path[:depth] for problem in problems for depth in range(len(problem.path))}
    problems = [one for one in problems if one.kind != "too_short" or one.path not in inner]
    sentences: dict[_Path, list[str]] = {}
    for problem in problems:
        known = sentences.setdefault(problem.path, [])
        if problem.sentence not in known:
            known.append(problem.sentence)
    described = [f"{_dotted(prefix, path)}: {_either(said)}" for path, said in sentences.items()]
    shown = "; ".join(described[:_SHOWN])
    rest = len(described) - _SHOWN
    return f"{shown}; and {rest} more." if rest > 0 else f"{shown}."


def _problem(error: Mapping[str, Any], body: object) -> _Problem:
    path, branch = _locate(error, body)
    return _Problem(path, error["type"], _sentence(error)[:_MAX_MESSAGE], branch)


def _locate(error: Mapping[str, Any], body: object) -> tuple[_Path, _Path | None]:
    """Return the path within the body, and where the location leaves it for a union's branch."""
    location: Sequence[str | int] = error["loc"]
    if body is None:
        return tuple(location), None
    path: list[str | int] = []
    branch: _Path | None = None
    value: Any = body
    for index, part in enumerate(location):
        if _has(value, part):
            value = value[part]
            path.append(part)
        elif index == len(location) - 1 and error["type"] == "missing":
            path.append(part)
        elif branch is None:
            branch = (*path, str(part))
    return tuple(path), branch


def _has(value: object, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and 0 <= part < len(value)
    return isinstance(value, Mapping) and part in value


def _choose_branches(problems: Sequence[_Problem]) -> Sequence[_Problem]:
    """Leave of each union only the branch that the value comes closest to.

    Of equal ones, such as text and a number where null was sent, all stay.
    """
    unions: dict[_Path, dict[_Path, list[_Problem]]] = {}
    for problem in problems:
        if problem.branch is not None:
            unions.setdefault(problem.branch[:-1], {}).setdefault(problem.branch, []).append(
                problem
            )
    left_out: set[_Path] = set()
    for path, branches in unions.items():
        likeness = {branch: _likeness(path, found) for branch, found in branches.items()}
        best = max(likeness.values())
        left_out |= {branch for branch in branches if likeness[branch] != best}
    return [problem for problem in problems if problem.branch not in left_out]


def _likeness(union: _Path, problems: Sequence[_Problem]) -> tuple[bool, int, int, int]:
    """Rank a branch: the right kind of value, the known fields, and errors few and deep."""
    unlike = sum(
        {"extra_forbidden": 2, "missing": 1}.get(problem.kind, 0)
        for problem in problems
        if len(problem.path) == len(union) + 1
    )
    is_right_kind = not any(
        problem.path == union and problem.kind.endswith("_type") for problem in problems
    )
    depth = max(len(problem.path) for problem in problems)
    return is_right_kind, -unlike, depth, -len(problems)


def _sentence(error: Mapping[str, Any]) -> str:
    kind: str = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return _FORMS.get(pattern, f"must match the pattern {pattern}")
    if kind in ("string_too_short", "too_short"):
        unit = "character" if kind.startswith("string") else "entry"
        return f"must have at least {_counted(context['min_length'], unit)}"
    if kind in ("string_too_long", "too_long"):
        unit = "character" if kind.startswith("string") else "entry"
        return f"must have at most {_counted(context['max_length'], unit)}"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format_map(context)
    return str(error["msg"]).removeprefix("Value error, ")


def _counted(number: int, unit: str) -> str:
    if number == 1:
        return f"1 {unit}"
    return f"{number} {'entries' if unit == 'entry' else f'{unit}s'}"


def _dotted(prefix: str, path: _Path) -> str:
    return ".".join([prefix, *map(str, path)]).strip(".")[:_MAX_PATH] or "body"


def _either(sentences: Sequence[str]) -> str:
    """Join what the branches of a union ask for: "must be text or a whole number"."""
    first, *others = sentences
    return " or ".join([first, *(sentence.removeprefix("must be ") for sentence in others)])
