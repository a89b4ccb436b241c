"""The options of a data set's reader, as a command line gives them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from data.dataset import DatasetSource
from orchestrator.engine.config import options_document
from orchestrator.engine.documents import Raw, validated
from orchestrator.engine.errors import SpecError


def reader_options(source: DatasetSource, given: Mapping[str, Any]) -> Raw:
    """The options that were given, converted to their types.

    Raises ValueError with every problem, and with all options that the reader takes.
    """
    name = source.info.name
    document = options_document(f"{name}_options", source.scan)
    try:
        options = validated(document, dict(given), f"options of {name}")
    except SpecError as error:
        fields = document.model_fields.items()
        takes = [
            f"{key}: {inspect.formatannotation(field.annotation)} = {field.default!r}"
            for key, field in fields
        ]
        raise ValueError(f"{error}\n{name} takes {', '.join(takes) or 'no options'}") from None
    return options.model_dump(exclude_unset=True)
