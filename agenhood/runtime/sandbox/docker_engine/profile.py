"""The filter of system calls as Docker Engine reads it, from the list that bubblewrap's is made of.

The engine's own format goes by names, and knows only those that its library does; so that each
program gets the exact filter, too, from the first process of its container. This one is there
before anything at all runs in it.
"""

import errno
import json
import platform
from collections.abc import Iterable, Iterator
from typing import Any

from agenhood.runtime.sandbox.seccomp import (
    ABSENT,
    CLONE_NEW_ANYTHING,
    FAMILIES,
    KIND_OF_SOCKET,
    PROTOCOLS,
    REFUSED,
    TIOCLINUX,
    TIOCSTI,
    TYPES,
)

ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
LOWER_WORD = 0xFFFFFFFF
SOCKETS = ["socket", "socketpair"]


def profile(machine: str | None = None) -> str:
    """Return the profile, as JSON. Raises KeyError for a processor without a filter."""
    rules = [
        _refuse(sorted(REFUSED), errno.EPERM),
        _refuse(["clone3", *sorted(ABSENT)], errno.ENOSYS),
        *[
            _refuse(["clone"], errno.EPERM, 0, "SCMP_CMP_MASKED_EQ", bit, bit)
            for bit in _bits(CLONE_NEW_ANYTHING)
        ],
        *[
            _refuse(["ioctl"], errno.EPERM, 1, "SCMP_CMP_MASKED_EQ", LOWER_WORD, request)
            for request in (TIOCSTI, TIOCLINUX)
        ],
        *_all_but(FAMILIES, 0, errno.EAFNOSUPPORT),
        *[
            _refuse(SOCKETS, errno.ESOCKTNOSUPPORT, 1, "SCMP_CMP_MASKED_EQ", KIND_OF_SOCKET, value)
            for value in range(KIND_OF_SOCKET + 1)
            if value not in TYPES
        ],
        *_all_but(PROTOCOLS, 2, errno.EPROTONOSUPPORT),
    ]
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": [ARCHITECTURES[machine or platform.machine()]],
            "syscalls": rules,
        }
    )


def _all_but(allowed: Iterable[int], argument: int, number: int) -> Iterator[dict[str, Any]]:
    """Refuse sockets whose argument is none of these. Several conditions on one argument hold if
    any of them does, so that each value and then all above need a rule of their own."""
    values = set(allowed)
    for value in range(max(values)):
        if value not in values:
            yield _refuse(SOCKETS, number, argument, "SCMP_CMP_EQ", value)
    yield _refuse(SOCKETS, number, argument, "SCMP_CMP_GT", max(values))


def _refuse(
    names: list[str],
    number: int,
    argument: int | None = None,
    operator: str = "",
    value: int = 0,
    second: int = 0,
) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number}
    if argument is not None:
        rule["args"] = [{"index": argument, "value": value, "valueTwo": second, "op": operator}]
    return rule


def _bits(word: int) -> list[int]:
    return [1 << at for at in range(word.bit_length()) if word >> at & 1]
