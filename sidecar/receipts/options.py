"""The `options` of a receipt request: hints and wishes, each bounded."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

Accuracy = Literal["fast", "default", "best"]

_Name = Annotated[str, Field(min_length=1, max_length=500)]


class CatalogItem(BaseModel):
    """One thing of the caller's catalog that a line item can be matched to."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=200)]
    name: _Name
    synonyms: Annotated[tuple[_Name, ...], Field(max_length=50)] = ()


class ReceiptOptions(BaseModel):
    """What the caller knows or wants; everything may be left out, unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """ISO 4217, for a receipt that does not show its own."""
    date_order: Literal["dmy", "mdy", "ymd"] | None = None
    """Settles a date that can be read two ways."""
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")] | None = None
    """BCP 47, such as "de" or "en-GB": how numbers and dates are written when the receipt itself
    does not tell.
    """
    engine: Literal["auto", "ocr", "vision"] = "auto"
    accuracy: Accuracy | None = None
    """How closely to look, as `reader.LOOKS` has it; None: as the service is set."""
    categorize: StrictBool = False
    candidate_labels: Annotated[tuple[_Name, ...], Field(max_length=100)] = ()
    catalog: Annotated[tuple[CatalogItem, ...], Field(max_length=5000)] = ()

    @model_validator(mode="after")
    def _labels_to_categorize(self) -> "ReceiptOptions":
        if self.categorize and not self.candidate_labels:
            raise ValueError("categorize needs candidate_labels")
        if len(set(self.candidate_labels)) != len(self.candidate_labels):
            raise ValueError("candidate_labels must be distinct")
        return self
