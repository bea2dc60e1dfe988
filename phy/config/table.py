"""Base of all tables of a configuration, and conversions of what TOML cannot say: tuples, paths, names in any case."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator


class Table(BaseModel):
    """Refuses unknown keys, values of other types (whole numbers for fractions are fine), inf and nan; is frozen."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _tuple(value: Any) -> Any:
    """Turn a list into the tuple of a frozen table; everything else stays as it is and fails by its type."""
    return tuple(value) if isinstance(value, list) else value


def _path(value: Any) -> Path:
    """Turn text into a path, with ~ for the home folder; `ValueError` for what is neither text nor a path."""
    if isinstance(value, str) and value:
        return Path(value).expanduser()
    if isinstance(value, Path):
        return value
    raise ValueError("Input should be the path of a file or folder as text, in quotation marks")


def _lower(value: Any) -> Any:
    """Turn text into lower case; everything else stays as it is and fails by its type."""
    return value.lower() if isinstance(value, str) else value


ListToTuple = BeforeValidator(_tuple)
"""Reads a list of TOML as a tuple."""
AnyCase = BeforeValidator(_lower)
"""Reads a name in any case of letters and keeps it in lower case."""
PathLike = Annotated[Path, PlainValidator(_path, json_schema_input_type=str)]
"""Path of a file or folder, from text, too."""
