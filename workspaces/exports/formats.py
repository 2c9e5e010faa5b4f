"""How rows become a file."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

from django.core.serializers.json import DjangoJSONEncoder

from workspaces.exports.models import Export

# What spreadsheets take for the beginning of a formula, wide forms included.
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class Writer(Protocol):
    def write(self, row: Mapping[str, Any]) -> None: ...


class NdjsonWriter:
    """A JSON object per line."""

    def __init__(self, target: BinaryIO) -> None:
        self.target = target

    def write(self, row: Mapping[str, Any]) -> None:
        line = json.dumps(_plain(row), cls=DjangoJSONEncoder, ensure_ascii=False)
        self.target.write(line.encode("utf-8", "replace") + b"\n")


class CsvWriter:
    """The first row's keys as header. Text is quoted, and no cell is a formula to a spreadsheet."""

    def __init__(self, target: BinaryIO) -> None:
        self.target = target
        self.columns: list[str] = []

    def write(self, row: Mapping[str, Any]) -> None:
        if not self.columns:
            self.columns = list(row)
            self._line(self.columns)
        self._line([row[column] for column in self.columns])

    def _line(self, values: list[Any]) -> None:
        line = io.StringIO(newline="")
        csv.writer(line, quoting=csv.QUOTE_NONNUMERIC).writerow([cell(value) for value in values])
        self.target.write(line.getvalue().encode("utf-8", "replace"))


def cell(value: Any) -> str | int | float | Decimal:
    """Return a value as a CSV cell: numbers as they are, all else as text that is no formula."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        text = json.dumps(_plain(value), cls=DjangoJSONEncoder, ensure_ascii=False)
    else:
        text = str(_plain(value))
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def _plain(value: Any) -> Any:
    """Return the value with each time in UTC, to the microsecond."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


WRITERS: dict[Export.Format, Any] = {
    Export.Format.NDJSON: NdjsonWriter,
    Export.Format.CSV: CsvWriter,
}
