"""An opened secret, as code carries it about: nothing shows it by accident."""

import hmac
from typing import Any, NoReturn

MASK = "••••"


class Secret:
    """Bytes that only `reveal()` and `reveal_text()` give back. Printed, formatted, logged or in a
    traceback it is four dots; it is neither pickled nor serialised."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # no key of a cache

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def reveal_text(self) -> str:
        return self._value.decode()

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret is not pickled or copied.")
