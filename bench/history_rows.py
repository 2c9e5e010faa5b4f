"""Fills a history: agents, conversations of 1,000 events each, their tasks, events and documents.

Tasks come in turn, one of each workspace after the other, over the year before now: the rows of a
workspace lie scattered over the tables, as they do after a year of many workspaces' work. Needs the
workspaces, people and projects of bench/rows.py.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from bench.rows import TRAVELLER

EVENTS_OF_A_TASK = 20
TASKS_OF_A_CONVERSATION = 50
EVENTS = 10_000_000
AGENTS = 10  # of a workspace

# In every task; in about one of five; in one task of each workspace only.
COMMON, USUAL, RARE = "report", "amberfalcon", "ticket7"

# A version 7 id of a moment, with the low bits of a number so that it is the same each time.
FUNCTIONS = """
CREATE FUNCTION pg_temp.id_at(moment timestamptz, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
            || '7000' || '8' || lpad(to_hex(number), 15, '0'))::uuid
$$;
CREATE FUNCTION pg_temp.word(number bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (ARRAY['amber', 'brisk', 'calm', 'dusky', 'early', 'faint', 'grand', 'hazel', 'inner',
                  'jolly', 'keen', 'lunar', 'misty', 'noble', 'outer', 'prime', 'quiet', 'rapid',
                  'solar', 'tidal'])[1 + (number * 2654435761 >> 12) % 20]
        || (ARRAY['badger', 'condor', 'dipper', 'egret', 'falcon', 'gannet', 'harrier', 'ibis',
                  'jackdaw', 'kestrel', 'linnet', 'merlin', 'nuthatch', 'osprey', 'plover', 'quail',
                  'raven', 'siskin', 'tern', 'wagtail'])[1 + (number * 2654435761 >> 20) % 20]
$$;
"""
AGENTS_SQL = """
INSERT INTO fleet_agent (
    id, workspace_id, project_id, name, description, driver, command, model, tools, wall_seconds,
    max_iterations, max_tokens, memory_mb, max_processes, disk_mb, network_allowed, network_hosts,
    environment, state, state_reason, state_since, revision, created_by_id, created_at
)
SELECT uuidv7(), p.workspace_id, p.id, 'Agent ' || p.number, '', 'llm', '', 'model', '[]', 600, 25,
       100000, 512, 64, 512, false, '[]', '{{}}', 'running', '', now(), 1, '{traveller}', now()
  FROM (SELECT *, row_number() OVER (PARTITION BY workspace_id ORDER BY name) AS number
          FROM fleet_project WHERE archived_at IS NULL) AS p
 WHERE p.number <= {agents}
"""
# What every task is made from, numbered over all workspaces.
PLAN = """
CREATE TABLE bench_plan AS
SELECT t.task, t.workspace_id, a.id AS agent_id, a.project_id,
       t.turn / {tasks_of_a_conversation} AS conversation,
       (t.turn % {tasks_of_a_conversation} + 1)::integer AS number, t.turn, t.at
  FROM (SELECT n AS task, w.id AS workspace_id, (n - 1) / {workspaces} AS turn,
               now() - interval '1 year' * (1 - n / {tasks}::float) AS at
          FROM generate_series(1, {tasks}) AS n
          JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number FROM workspaces_workspace)
            AS w ON w.number = (n - 1) % {workspaces} + 1) AS t
  JOIN (SELECT *, row_number() OVER (PARTITION BY workspace_id ORDER BY name) AS number
          FROM fleet_agent) AS a
    ON a.workspace_id = t.workspace_id
   AND a.number = t.turn / {tasks_of_a_conversation} % {agents} + 1
 ORDER BY t.task;
CREATE INDEX ON bench_plan (task);
ANALYZE bench_plan;
"""
CONVERSATIONS = """
INSERT INTO fleet_conversation (id, workspace_id, agent_id, title, created_by_id, created_at)
SELECT pg_temp.id_at(at, task), workspace_id, agent_id,
       format('Round %s of %s', conversation + 1, pg_temp.word(task)), '{traveller}', at
  FROM bench_plan WHERE number = 1 ORDER BY task
"""
TASKS = """
INSERT INTO fleet_task (
    id, workspace_id, conversation_id, agent_id, project_id, number, state, state_reason, input,
    output, agent_revision, attempt, created_by_id, created_at, started_at, finished_at,
    input_tokens, output_tokens, cost_micros
)
SELECT pg_temp.id_at(p.at, p.task), p.workspace_id, c.id, p.agent_id, p.project_id, p.number,
       CASE WHEN p.turn % 20 = 7 THEN 'failed' ELSE 'succeeded' END, '',
       format('Look into ticket%s of the %s and write a report.', p.turn, pg_temp.word(p.task)),
       format('The %s is as the %s was.', pg_temp.word(p.task + 1), pg_temp.word(p.task + 2)),
       1, 1, '{traveller}', p.at, p.at, p.at + interval '1 minute', 1000, 100, 12345
  FROM bench_plan AS p
  JOIN LATERAL (SELECT pg_temp.id_at(first.at, first.task) AS id FROM bench_plan AS first
                 WHERE first.task
                     = p.task - (p.number - 1)::bigint * {workspaces}) AS c ON true
 WHERE p.task BETWEEN {first} AND {last}
"""
EVENTS_SQL = """
INSERT INTO fleet_event (id, workspace_id, task_id, number, kind, text, data, created_at)
SELECT pg_temp.id_at(p.at, p.task * 100 + e), p.workspace_id, pg_temp.id_at(p.at, p.task), e,
       (ARRAY['message', 'tool_call', 'tool_result', 'output'])[1 + e % 4],
       format('%s %s: the %s of %s went on after %s', pg_temp.word(p.task * 20 + e),
              pg_temp.word(p.task * 31 + e * 3), pg_temp.word(p.task * 7 + e * 5),
              pg_temp.word(e), pg_temp.word(p.task + e)),
       CASE WHEN e % 4 = 1 THEN '{{"tool": "shell"}}'::jsonb ELSE '{{}}' END,
       p.at + interval '1 second' * e
  FROM bench_plan AS p CROSS JOIN generate_series(1, {events_of_a_task}) AS e
 WHERE p.task BETWEEN {first} AND {last}
"""
# As workspaces.search_vector() would make them, which takes ten times as long, but for positions,
# which the index has not, and stems.
DOCUMENTS = """
INSERT INTO fleet_searchdocument (id, workspace_id, task_id, events, vector)
SELECT t.id, t.workspace_id, t.id, {events_of_a_task}, array_to_tsvector(
           ARRAY(SELECT x.prefix || word
                   FROM unnest(string_to_array(translate(lower(concat_ws(
                            ' ', CASE WHEN t.number = 1 THEN c.title END, t.input, t.output, e.said
                        )), ':.', ''), ' ')
                        || ARRAY['@', '@agent:' || t.agent_id, '@project:' || t.project_id,
                                 '@person:' || t.created_by_id, '@state:' || t.state]) AS word)
           || (workspaces.search_key(t.workspace_id) || '@'))
  FROM bench_plan AS p
  JOIN fleet_task AS t ON t.id = pg_temp.id_at(p.at, p.task)
  JOIN fleet_conversation AS c ON c.id = t.conversation_id
 CROSS JOIN LATERAL (SELECT string_agg(text, ' ') AS said FROM fleet_event
                      WHERE workspace_id = t.workspace_id AND task_id = t.id) AS e
 CROSS JOIN LATERAL (SELECT workspaces.search_prefix(
                                t.workspace_id, workspaces.search_window(t.id)) AS prefix
                    OFFSET 0) AS x
 WHERE p.task BETWEEN {first} AND {last}
"""
WORDS_INDEX = "SELECT pg_get_indexdef('fleet_searchdocument_words'::regclass)"


def fill_history(
    connect: Callable[[], psycopg.Connection[Any]], *, workspaces: int, events: int = EVENTS
) -> None:
    """Make about `events` events, shared evenly by the `workspaces` that there are.

    `connect` opens a superuser's connection. Two work side by side; 10 million events take minutes.
    """
    turns = max(events // EVENTS_OF_A_TASK // workspaces, TASKS_OF_A_CONVERSATION)
    tasks = turns * workspaces
    values = {
        "agents": AGENTS,
        "events_of_a_task": EVENTS_OF_A_TASK,
        "tasks": tasks,
        "tasks_of_a_conversation": TASKS_OF_A_CONVERSATION,
        "traveller": TRAVELLER,
        "workspaces": workspaces,
    }
    with connect() as connection:
        _prepare(connection)
        for statements in (AGENTS_SQL, PLAN, CONVERSATIONS):
            connection.execute(statements.format(**values))
        (index,) = connection.execute(WORDS_INDEX).fetchone() or ("",)
        connection.execute("DROP INDEX fleet_searchdocument_words")
    halves = [(1, tasks // 2), (tasks // 2 + 1, tasks)]
    with ThreadPoolExecutor(len(halves)) as pool:
        list(pool.map(lambda half: _fill_half(connect, values, *half), halves))
    with connect() as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute(index)
        connection.execute("DROP TABLE bench_plan")
        connection.execute("VACUUM ANALYZE")


def _fill_half(
    connect: Callable[[], psycopg.Connection[Any]], values: dict[str, Any], first: int, last: int
) -> None:
    with connect() as connection:
        _prepare(connection)
        for statement in (TASKS, EVENTS_SQL, DOCUMENTS):
            connection.execute(statement.format(**values, first=first, last=last))


def _prepare(connection: psycopg.Connection[Any]) -> None:
    connection.execute(FUNCTIONS)
    # Neither triggers nor foreign keys are asked: these rows are right, and there are many.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
