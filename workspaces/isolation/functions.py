"""Functions that policies, triggers and scopes rest on, as the migrations make them.

The migrations' own SQL is what the catalogue is compared with, so that nothing is written twice: it
is read as it would run, functions that are made, made anew, renamed and dropped. Of a function
counts its body, and what else decides what it does. One whose body is not quoted by dollars is not
read, and so not compared.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from workspaces.database.roles import OWNER
from workspaces.isolation.finding import Finding, finding
from workspaces.isolation.migrated import statements

# An aggregate has no body of its own (prokind 'a'): it rests on functions, which are listed.
FUNCTIONS = """
SELECT n.nspname || '.' || p.proname, p.proname, p.prosecdef, p.proleakproof,
       pg_get_userbyid(p.proowner), p.proconfig,
       l.lanname, p.provolatile::text, p.proparallel::text, p.proisstrict, p.prosrc
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
  JOIN pg_language AS l ON l.oid = p.prolang
 WHERE n.nspname !~ '^(pg_|information_schema$)'
   AND (p.prosecdef OR NOT EXISTS (
        SELECT FROM pg_depend AS d
         WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))
 ORDER BY p.proname, p.oid
"""
STATEMENT = re.compile(
    r"""
    \bCREATE \s+ (?:OR \s+ REPLACE \s+)? FUNCTION \s+ (?P<made>[\w.]+) \s*
        \( (?P<made_of> (?: [^()] | \([^()]*\) )* ) \)
        (?P<head> (?: [^$'] )*? ) \s AS \s+ (?P<quote>\$\w*\$) (?P<body>.*?) (?P=quote)
        (?P<tail> [^;]* )
  | \bDROP \s+ FUNCTION \s+ (?:IF \s+ EXISTS \s+)? (?P<dropped>[\w.]+)
        (?: \s* \( (?P<dropped_of> (?: [^()] | \([^()]*\) )* ) \) )?
  | \bALTER \s+ FUNCTION \s+ (?P<renamed>[\w.]+) [^;]*? \s RENAME \s+ TO \s+ (?P<to>\w+)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
VOLATILITY = {"IMMUTABLE": "i", "STABLE": "s", "VOLATILE": "v"}
PARALLEL = {"SAFE": "s", "RESTRICTED": "r", "UNSAFE": "u"}


class Definition(NamedTuple):
    language: str
    volatility: str
    parallel: str
    strict: bool
    body: str


def check(cursor: Any) -> Iterator[Finding]:
    made = as_migrated()
    cursor.execute(FUNCTIONS)
    functions = cursor.fetchall()
    for full_name, name, definer, leakproof, owner, config, *definition in functions:
        wanted = made.get(full_name)
        faults = {
            "runs with its owner's rights: SECURITY DEFINER": definer,
            "LEAKPROOF: it is run before row security": leakproof,
            f"owned by {owner}": owner != OWNER,
            f"brings settings along: {', '.join(config or [])}": config,
            "not as migrated": wanted is not None and Definition(*definition) not in wanted,
        }
        yield finding(
            name, "function", "; ".join(fault for fault, holds in faults.items() if holds)
        )
    missing = {name.removeprefix("workspaces.") for name in made.keys() - {f[0] for f in functions}}
    yield finding("workspaces", "functions", missing and f"missing: {sorted(missing)}")


@cache
def as_migrated() -> dict[str, frozenset[Definition]]:
    """Return the functions that all migrations leave behind, by schema and name."""
    made: dict[str, dict[str, Definition]] = {}
    for sql in statements():
        for match in STATEMENT.finditer(sql):
            _replay(made, match)
    return {name: frozenset(overloads.values()) for name, overloads in made.items() if overloads}


def _replay(made: dict[str, dict[str, Definition]], match: re.Match[str]) -> None:
    if match["made"]:
        overloads = made.setdefault(_full(match["made"]), {})
        overloads[_types(match["made_of"], named=True)] = _definition(match)
    elif match["dropped"]:
        if match["dropped_of"] is None:
            made.pop(_full(match["dropped"]), None)
        else:
            overloads = made.get(_full(match["dropped"]), {})
            for named in (True, False):
                overloads.pop(_types(match["dropped_of"], named=named), None)
    elif (overloads := made.pop(_full(match["renamed"]), {})) and match["to"]:
        made[_full(match["to"])] = overloads


def _definition(match: re.Match[str]) -> Definition:
    said = re.sub(r"\([^()]*\)", "", f"{match['head']} {match['tail']}").upper().split()
    language, parallel = said[said.index("LANGUAGE") + 1], "UNSAFE"
    if "PARALLEL" in said:
        parallel = said[said.index("PARALLEL") + 1]
    return Definition(
        language=language.lower(),
        volatility=next((VOLATILITY[word] for word in said if word in VOLATILITY), "v"),
        parallel=PARALLEL[parallel],
        strict="STRICT" in said,
        body=match["body"],
    )


def _types(arguments: str, *, named: bool) -> str:
    """Return what tells overloads apart: the arguments' types."""
    arguments = re.sub(r"\s+DEFAULT\s[^,]*|\([^()]*\)", "", arguments, flags=re.IGNORECASE)
    words = [argument.split() for argument in arguments.split(",")]
    return ", ".join(" ".join(w[1:] if named and len(w) > 1 else w) for w in words).lower()


def _full(name: str) -> str:
    return name if "." in name else f"public.{name}"
