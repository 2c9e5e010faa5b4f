"""Fills a database: workspaces with their owners, their projects, and one person who is everywhere.

Projects are inserted in turn, one of each workspace after the other, as they come in a shared table
over the years: the rows of a workspace lie scattered over all of it.
"""

from typing import Any
from uuid import UUID

import psycopg

TRAVELLER = UUID("01900000-0000-7000-8000-000000000001")

PEOPLE = """
INSERT INTO accounts_user
    (id, email, name, password, time_zone, theme, is_active, is_staff, created_at)
SELECT '01900000-0000-7000-8000-000000000001', 'traveller@bench.test', 'Traveller', '!', 'UTC',
       'system', true, false, now()
 UNION ALL
SELECT uuidv7(), format('owner-%s@bench.test', n), format('Owner %s', n), '!', 'UTC', 'system',
       true, false, now()
  FROM generate_series(1, {workspaces}) AS n
"""
WORKSPACES = """
INSERT INTO workspaces_workspace (id, name, slug, colour, suspension_reason, created_at)
SELECT uuidv7(), format('Workspace %s', n), format('workspace-%s', n), 'blue', '', now()
  FROM generate_series(1, {workspaces}) AS n
"""
MEMBERSHIPS = """
INSERT INTO workspaces_membership (id, workspace_id, user_id, role, created_at)
SELECT uuidv7(), w.id, u.id, CASE WHEN u.id = '{traveller}' THEN 'operator' ELSE 'owner' END, now()
  FROM workspaces_workspace AS w
  JOIN accounts_user AS u
    ON u.id = '{traveller}' OR u.email = replace(w.slug, 'workspace', 'owner') || '@bench.test'
"""
# One in ten is archived; each word of a name stands in one of twenty.
PROJECTS = """
INSERT INTO fleet_project (id, workspace_id, name, created_at, archived_at)
SELECT uuidv7(), w.id,
       format('%s %s %s', words.first[1 + n * 7 % 20], words.second[1 + n * 13 / 20 % 20], n),
       now(), CASE WHEN n % 10 = 9 THEN now() END
  FROM generate_series(1, {projects}) AS n
 CROSS JOIN workspaces_workspace AS w
 CROSS JOIN (SELECT
       string_to_array('amber brisk calm dusky early faint grand hazel inner jolly keen lunar misty'
                       ' noble outer prime quiet rapid solar tidal', ' ') AS first,
       string_to_array('badger condor dipper egret falcon gannet harrier ibis jackdaw kestrel'
                       ' linnet merlin nuthatch osprey plover quail raven siskin tern wagtail',
                       ' ') AS second) AS words
 ORDER BY n, w.id
"""


def fill(connection: psycopg.Connection[Any], *, workspaces: int, projects: int) -> None:
    """Make `workspaces` workspaces with `projects` projects each. Needs a superuser."""
    # Neither triggers nor foreign keys are asked: these rows are right, and there are many.
    connection.execute("SET session_replication_role = replica")
    for statement in (PEOPLE, WORKSPACES, MEMBERSHIPS, PROJECTS):
        connection.execute(
            statement.format(workspaces=workspaces, projects=projects, traveller=TRAVELLER)
        )
    connection.execute("RESET session_replication_role")
    connection.execute("VACUUM ANALYZE")
