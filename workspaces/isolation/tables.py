"""Tables: to whom they belong, their row security, and who may do what with them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.conf import settings

from workspaces.database.constraints import (
    POLICY,
    POLICY_EXPRESSION,
    SEARCH_EXPRESSION,
    SEARCH_POLICY,
    TRIGGER,
)
from workspaces.database.roles import APP, BACKUP, OWNER, PLATFORM
from workspaces.isolation.control import APP_MAY, PLATFORM_MAY, POLICIES_OF, ROWS, TRIGGERS_OF
from workspaces.isolation.finding import Finding, finding

TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner),
       c.relrowsecurity, c.relforcerowsecurity,
       (SELECT a.attnotnull FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped),
       EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid
                WHERE t.tgrelid = c.oid AND t.tgname = %s AND t.tgenabled IN ('O', 'A')
                  AND f.proname = 'refuse_new_workspace'),
       ARRAY(SELECT t.tgname::text FROM pg_trigger AS t
              WHERE t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A')),
       EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgenabled = 'D'),
       EXISTS (SELECT FROM pg_rewrite AS r WHERE r.ev_class = c.oid)
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^(pg_|information_schema$)'
   AND NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname
"""
POLICIES = """
SELECT p.polrelid, p.polname, p.polcmd, p.polpermissive,
       ARRAY(SELECT CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END
               FROM unnest(p.polroles) AS role),
       pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
  FROM pg_policy AS p
"""
GRANTS = """
SELECT c.oid, CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(acl.grantee) END,
       acl.privilege_type
  FROM pg_class AS c, aclexplode(c.relacl) AS acl WHERE c.relkind IN ('r', 'p', 'f')
 UNION
SELECT a.attrelid, CASE acl.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(acl.grantee) END,
       acl.privilege_type || ' (' || a.attname || ')'
  FROM pg_attribute AS a, aclexplode(a.attacl) AS acl
"""


@dataclass(slots=True)
class Policy:
    name: str
    command: str
    permissive: bool
    roles: list[str]
    using: str | None
    with_check: str | None


@dataclass(slots=True)
class Table:
    oid: int
    schema: str
    name: str
    kind: str
    owner: str
    row_security: bool
    forced: bool
    workspace_not_null: bool | None
    has_trigger: bool
    triggers: list[str]
    has_disabled_trigger: bool
    has_rule: bool
    policies: list[Policy] = field(default_factory=list)
    grants: dict[str, set[str]] = field(default_factory=dict)

    @property
    def is_control(self) -> bool:
        return self.schema == "public" and self.name in POLICIES_OF

    @property
    def is_owned(self) -> bool:
        return not self.is_control and self.workspace_not_null is not None


def read(cursor: Any) -> dict[int, Table]:
    """Return the database's own tables, by oid, with their policies and grants."""
    cursor.execute(TABLES, [TRIGGER])
    tables = {row[0]: Table(*row) for row in cursor.fetchall()}
    cursor.execute(POLICIES)
    for oid, *policy in cursor.fetchall():
        if oid in tables:
            tables[oid].policies.append(Policy(*policy))
    cursor.execute(GRANTS)
    for oid, grantee, privilege in cursor.fetchall():
        if oid in tables:
            tables[oid].grants.setdefault(grantee, set()).add(privilege)
    return tables


def check(tables: dict[int, Table]) -> Iterator[Finding]:
    shared = _shared_tables()
    for table in tables.values():
        yield finding(table.name, "owner", table.owner != OWNER and f"owned by {table.owner}")
        yield finding(table.name, "rules", table.has_rule, "a rule rewrites its queries")
        disabled = table.has_disabled_trigger
        yield finding(table.name, "triggers", disabled, "a trigger, or a key's check, is disabled")
        if table.is_owned:
            yield from _check_owned(table)
        elif table.is_control:
            yield from _check_control(table)
        else:
            unknown = table.schema != "public" or table.name not in shared
            yield finding(table.name, "belongs", unknown, "it belongs to no workspace")
        yield from _check_grants(table)


def _check_owned(table: Table) -> Iterator[Finding]:
    yield finding(table.name, "row security", not table.row_security, "not enabled")
    yield finding(table.name, "forced", not table.forced, "its owner passes row security")
    yield finding(table.name, "policy", _policy_fault(table.policies))
    yield finding(table.name, "not null", not table.workspace_not_null, "workspace_id may be NULL")
    yield finding(table.name, "immutable", not table.has_trigger, "workspace_id may change")
    yield finding(table.name, "kind", table.kind == "f", "row security skips foreign tables")
    yield _own_triggers(table)


def _policy_fault(policies: list[Policy]) -> str:
    policies = [policy for policy in policies if not _only_narrows_a_search(policy)]
    if len(policies) != 1:
        return f"has {len(policies)} policies, not one"
    (policy,) = policies
    wanted = _normalised(POLICY_EXPRESSION)
    if policy.name != POLICY or policy.command != "*" or policy.roles != ["public"]:
        return f"{policy.name} is not the policy for every command and role"
    if not policy.permissive:
        return f"{policy.name} is restrictive, so that nothing is allowed"
    if {_normalised(policy.using), _normalised(policy.with_check)} != {wanted}:
        return f"{policy.name} reads {policy.using} and checks {policy.with_check}"
    return ""


def _only_narrows_a_search(policy: Policy) -> bool:
    """Whether a policy is the one more that there may be: `FoundBySearch` says why it is safe."""
    return (
        policy.name == SEARCH_POLICY
        and policy.command == "r"
        and not policy.permissive
        and policy.roles == ["public"]
        and policy.with_check is None
        and _normalised(policy.using) == _normalised(SEARCH_EXPRESSION)
    )


def _normalised(expression: str | None) -> str:
    return re.sub(r"\s|\(|\)|AS\s+current_id", "", re.sub(r" AS \w+", "", expression or ""))


def _check_control(table: Table) -> Iterator[Finding]:
    yield finding(table.name, "row security", not table.row_security, "not enabled")
    yield finding(table.name, "forced", not table.forced, "its owner passes row security")
    found = {
        (policy.name, policy.command, role): tuple(
            _normalised(expression) for expression in (policy.using, policy.with_check)
        )
        for policy in table.policies
        for role in policy.roles
        if policy.permissive
    }
    wanted = {
        key: tuple(_normalised(expression) for expression in expressions)
        for key, expressions in POLICIES_OF[table.name].items()
    }
    differing = {key[0] for key in found.keys() | wanted if found.get(key) != wanted.get(key)}
    differing |= {policy.name for policy in table.policies if not policy.permissive}
    yield finding(table.name, "policy", differing and f"not as migrated: {sorted(differing)}")
    yield _own_triggers(table)


def _own_triggers(table: Table) -> Finding:
    missing = TRIGGERS_OF.get(table.name, set()) - set(table.triggers)
    return finding(table.name, "own triggers", missing and f"missing triggers: {sorted(missing)}")


def _check_grants(table: Table) -> Iterator[Finding]:
    may = {
        APP: APP_MAY.get(table.name, ROWS),
        PLATFORM: PLATFORM_MAY.get(table.name, set()),
        BACKUP: {"SELECT"},
    }
    faults = []
    for grantee, privileges in sorted(table.grants.items()):
        allowed = may.get(grantee, set())
        excess = {p for p in privileges if not {p, p.partition(" (")[0]} & allowed}
        if excess and grantee != OWNER:
            faults.append(f"{grantee} holds {', '.join(sorted(excess))}")
    yield finding(table.name, "grants", "; ".join(faults))


def _shared_tables() -> set[str]:
    models: Iterable[Any] = apps.get_models(include_auto_created=True)
    apps_tables = {
        model._meta.db_table
        for model in models
        if model._meta.app_label in settings.WORKSPACES_SHARED_APPS
    }
    return apps_tables | set(settings.WORKSPACES_SHARED_TABLES)
