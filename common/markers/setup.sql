-- SPDX-License-Identifier: PostgreSQL
-- Mode replication of the PostgreSQL HA appliance: markers of this database. May be run again.
-- Operators are written with their schema: the function runs with its owner's rights under the caller's
-- search_path.
CREATE SCHEMA IF NOT EXISTS pgpool_replication;
GRANT USAGE ON SCHEMA pgpool_replication TO PUBLIC;

-- One row for each transaction that may commit at the same time: its last one (seq), what that did (redo), and
-- the membership of nodes (epoch) under which the next one may commit.
CREATE TABLE IF NOT EXISTS pgpool_replication.slot (
    id integer PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    redo bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
INSERT INTO pgpool_replication.slot (id, epoch)
    SELECT id, COALESCE((SELECT max(epoch) FROM pgpool_replication.slot), 0)
    FROM generate_series(0, :slots - 1) AS id
    ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION pgpool_replication.mark(which integer, sequence bigint, under bigint, what bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    UPDATE pgpool_replication.slot SET seq = sequence, redo = what
        WHERE id OPERATOR(pg_catalog.=) which AND epoch OPERATOR(pg_catalog.=) under;
    RETURN FOUND;
END $$;

-- The sequence that fills a column, forward to the value that another node has taken from its own. For who may
-- insert into the table.
CREATE OR REPLACE FUNCTION pgpool_replication.advance(target regclass, filled text, taken bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    caller text := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
    sequence regclass;
    position bigint;
    is_up boolean;
BEGIN
    IF NOT has_table_privilege(caller, target, 'INSERT') AND NOT has_any_column_privilege(caller, target, 'INSERT') THEN
        RAISE insufficient_privilege USING MESSAGE = format('permission denied for table %s', target);
    END IF;
    SELECT d.refobjid::regclass INTO sequence
        FROM pg_attrdef a JOIN pg_attribute c ON c.attrelid = a.adrelid AND c.attnum = a.adnum
            JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid
            JOIN pg_sequence s ON d.refclassid = 'pg_class'::regclass AND s.seqrelid = d.refobjid
        WHERE a.adrelid = target AND c.attname = filled;
    sequence := COALESCE(sequence, pg_get_serial_sequence(target::text, filled)::regclass);
    PERFORM pg_advisory_lock('pgpool_replication.slot'::regclass::int, sequence::oid::int);
    SELECT seqincrement > 0 INTO is_up FROM pg_sequence WHERE seqrelid = sequence;
    EXECUTE format('SELECT last_value FROM %s', sequence) INTO position;
    IF (is_up AND taken >= position) OR (NOT is_up AND taken <= position) THEN
        PERFORM setval(sequence, taken);
    END IF;
    PERFORM pg_advisory_unlock('pgpool_replication.slot'::regclass::int, sequence::oid::int);
END $$;

-- Waits for the transactions that have marked, and so are about to commit or to roll back; for a moment only, as
-- one of them may wait in the same way on another node.
CREATE OR REPLACE FUNCTION pgpool_replication.settle()
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '100ms' AS $$
BEGIN
    LOCK TABLE pgpool_replication.slot IN SHARE MODE;
EXCEPTION WHEN lock_not_available THEN NULL;
END $$;

CREATE OR REPLACE FUNCTION pgpool_replication.version() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
