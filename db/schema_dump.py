"""What a schema really is, read from Postgres' own catalogues, one line a fact.

Two schemas are the same where their lines are the same: columns, defaults, CHECK constraints, partial indexes.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

# each query gives lines; names are printed relative to the search path, so the schema's own name never shows
_FACTS = (
    """
    SELECT format('column %I.%I %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                  coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''),
                  CASE WHEN a.attidentity <> '' THEN ' identity ' || a.attidentity::text ELSE '' END)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind IN ('r', 'p', 'v', 'm')
      AND a.attnum > 0 AND NOT a.attisdropped
    """,
    """
    SELECT format('constraint %I.%I %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.connamespace = to_regnamespace(:schema)
      AND k.contype <> 'n' -- NOT NULL is told with the column; Postgres 18 makes constraints of it, 17 doesn't
    """,
    """
    SELECT format('index %I %s', c.relname, pg_get_indexdef(i.indexrelid))
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = to_regnamespace(:schema)
    """,
    """
    SELECT format('trigger %I.%I %s', c.relname, t.tgname, pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = to_regnamespace(:schema) AND NOT t.tgisinternal
    """,
    """
    SELECT format('function %s %s', p.oid::regprocedure, pg_get_functiondef(p.oid))
    FROM pg_proc p WHERE p.pronamespace = to_regnamespace(:schema) AND p.prokind IN ('f', 'p')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
    """,
    """
    SELECT format('type %I %s', t.typname, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
                                             FROM pg_enum e WHERE e.enumtypid = t.oid))
    FROM pg_type t WHERE t.typnamespace = to_regnamespace(:schema) AND t.typtype IN ('e', 'd')
    """,
)


def describe_schema(connection: Connection, schema: str = "public") -> list[str]:
    """Sorted lines that tell all of ``schema`` but alembic's own table. Sets the transaction's search path to it."""
    connection.execute(text("SELECT set_config('search_path', quote_ident(:schema), true)"), {"schema": schema})
    # pg_get_indexdef names the schema in any case
    lines = [
        str(line).replace(f" ON {schema}.", " ON ").replace(f"FUNCTION {schema}.", "FUNCTION ")
        for facts in _FACTS
        for line in connection.execute(text(facts), {"schema": schema}).scalars()
    ]
    return sorted(line for line in lines if "alembic_version" not in line)


def differences(found: list[str], expected: list[str]) -> list[str]:
    """``missing: …`` for every line of ``expected`` that isn't found, ``unexpected: …`` for the opposite."""
    return [f"missing: {line}" for line in expected if line not in found] + [
        f"unexpected: {line}" for line in found if line not in expected
    ]
