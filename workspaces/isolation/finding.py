from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one object. `table` names it, whatever its kind; `detail` says what is wrong."""

    table: str
    check: str
    ok: bool
    detail: str = ""


def finding(table: str, check: str, fault: object, detail: str = "") -> Finding:
    """Return a bad finding if `fault` holds, whose detail is `detail` or else `fault` itself."""
    return Finding(table, check, not fault, (detail or str(fault)) if fault else "")
