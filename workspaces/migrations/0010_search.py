"""Functions of the full-text search under row security: docs/adr/0015-search-under-row-security.md.

A search document's words all begin with a key of its workspace and with the window of time that its
row's id falls into, so that an index over the words of every workspace has each workspace's own
together, and among those the ones of a window. What is searched for stands in the
transaction-local setting `agenhood.search`, which the restrictive policy of `FoundBySearch` reads.
"""

from django.db import migrations

# Two workspaces may share a key, which is 48 of the bits that are random in an id: then each reads
# past the other's words, which row security keeps from it as any other row.
# A window is 2^31 milliseconds long, 24.9 days, counted from 1970.
# A mark is a word that no text contains, for it begins with "@": the bare "@" stands in every
# document. Of a text counts what an index entry and the 1 MB of a tsvector can hold.
FUNCTIONS = r"""
CREATE FUNCTION workspaces.search_key(workspace uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.encode(pg_catalog.substr(pg_catalog.uuid_send(workspace), 11), 'base64')
$$;

CREATE FUNCTION workspaces.search_window(id uuid) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (('x' || pg_catalog.left(pg_catalog.replace(id::text, '-', ''), 12))::bit(48)::bigint
            >> 31)::integer
$$;

CREATE FUNCTION workspaces.search_prefix(workspace uuid, search_window integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT workspaces.search_key(workspace)
           || pg_catalog.lpad(pg_catalog.to_hex(search_window), 4, '0')
$$;

CREATE FUNCTION workspaces.search_vector(workspace uuid, id uuid, body text, marks text[])
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH prefix AS (
        SELECT workspaces.search_prefix(workspace, workspaces.search_window(id)) AS prefix
    ), word AS (
        SELECT lexeme, positions
          FROM pg_catalog.unnest(pg_catalog.to_tsvector('pg_catalog.simple', body))
         UNION ALL
        SELECT lexeme, positions
          FROM pg_catalog.unnest(pg_catalog.to_tsvector('pg_catalog.english', body))
    ), once AS (
        SELECT lexeme, pg_catalog.min(positions[1]) AS first, pg_catalog.string_agg(
                   pg_catalog.array_to_string(positions[1:16], ','), ',') AS positions
          FROM word WHERE pg_catalog.octet_length(lexeme) <= 60
         GROUP BY lexeme ORDER BY first LIMIT 8000
    )
    SELECT pg_catalog.array_to_tsvector(
               ARRAY[workspaces.search_key(workspace) || '@', prefix || '@']
               || ARRAY(SELECT prefix || '@' || mark FROM pg_catalog.unnest(marks) AS mark)
           ) || COALESCE(
               (SELECT pg_catalog.string_agg(
                           '''' || pg_catalog.replace(pg_catalog.replace(
                               prefix || lexeme, '\', '\\'), '''', '''''') || ''':'
                           || positions, ' ')
                  FROM once), ''
           )::tsvector
      FROM prefix
$$;

CREATE FUNCTION workspaces.search_words(words text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN as_typed = by_stem THEN as_typed ELSE as_typed || by_stem END
      FROM pg_catalog.websearch_to_tsquery('pg_catalog.simple', words) AS as_typed,
           pg_catalog.websearch_to_tsquery('pg_catalog.english', words) AS by_stem
$$;

CREATE FUNCTION workspaces.search_within(
    wanted tsquery, first_window integer, last_window integer
) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF pg_catalog.querytree(wanted) IN ('', 'T') THEN  -- an index finds only what is there
        wanted := wanted && '''@'''::tsquery;
    END IF;
    RETURN (
        SELECT pg_catalog.string_agg('(' || pg_catalog.regexp_replace(
                   wanted::text, '''((?:[^'']|'''')*)''',
                   '''' || workspaces.search_prefix(workspaces.current_id(), number) || '\1''', 'g'
               ) || ')', ' | ')
          FROM pg_catalog.generate_series(first_window, last_window) AS number
    );
END
$$;

CREATE FUNCTION workspaces.search_query() RETURNS tsquery
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    asked text := pg_catalog.current_setting('agenhood.search', true);
BEGIN
    IF asked IS NULL OR asked = '' THEN  -- no search: every document of the workspace
        RETURN pg_catalog.quote_literal(workspaces.search_key(workspaces.current_id()) || '@');
    END IF;
    RETURN asked::tsquery;
END
$$;
"""
DROP_FUNCTIONS = """
DROP FUNCTION workspaces.search_query();
DROP FUNCTION workspaces.search_within(tsquery, integer, integer);
DROP FUNCTION workspaces.search_words(text);
DROP FUNCTION workspaces.search_vector(uuid, uuid, text, text[]);
DROP FUNCTION workspaces.search_prefix(uuid, integer);
DROP FUNCTION workspaces.search_window(uuid);
DROP FUNCTION workspaces.search_key(uuid);
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0009_required_second_factor")]

    operations = [migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS)]
