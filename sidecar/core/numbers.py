"""Numbers in request bodies."""

from pydantic import BeforeValidator


def _not_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueErrors
    return value


#: Python counts True as 1, and pydantic with it; JSON does not.
NotBoolean = BeforeValidator(_not_boolean)
