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

CREATE OR REPLACE FUNCTION pgpool_replication.version() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
