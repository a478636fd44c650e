"""The `options` of a receipt request, each with its bounds."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, model_validator

from sidecar.core.validation import FailFastModel, LanguageTag
from sidecar.receipts.money_forms import MoneyForm

Accuracy = Literal["fast", "default", "best"]

_Name = Annotated[str, Field(min_length=1, max_length=500)]


class CatalogItem(FailFastModel):
    """An item of the caller's catalog, to match line items to."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=200)]
    name: _Name
    synonyms: Annotated[tuple[_Name, ...], Field(max_length=50)] = ()


class ReceiptOptions(FailFastModel):
    """Hints and requests of the caller. All are optional; unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """ISO 4217, for a receipt that does not show its own."""
    date_order: Literal["dmy", "mdy", "ymd"] | None = None
    """The order of an ambiguous date."""
    language: LanguageTag | None = None
    """BCP 47 ("de", "en-GB"): how numbers and dates are written, if the receipt doesn't show it."""
    engine: Literal["auto", "ocr", "vision"] = "auto"
    accuracy: Accuracy | None = None
    """The passes of `reader.DETECTION_PASSES`; None: the service's setting."""
    money: MoneyForm | None = None
    """How flat answers give money; None: the service's setting."""
    categorize: StrictBool = False
    candidate_labels: Annotated[tuple[_Name, ...], Field(max_length=100)] = ()
    """For `categorize`; empty: ten departments of a supermarket."""
    catalog: Annotated[tuple[CatalogItem, ...], Field(max_length=5000)] = ()

    @model_validator(mode="after")
    def _check_labels(self) -> "ReceiptOptions":
        if len(set(self.candidate_labels)) != len(self.candidate_labels):
            raise ValueError("candidate_labels must be distinct")
        return self
