-- SPDX-License-Identifier: PostgreSQL
-- Mode replication of the PostgreSQL HA appliance: markers of this database. May be run again, also over what an
-- older version has made.
-- Functions run with their owner's rights: what they name is in pg_catalog or has its schema, types and operators
-- too, and temporary objects of the caller come last.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false);

-- Who may create schemas here could have made these objects first, to own what runs with a superuser's rights.
DO $$
BEGIN
    IF EXISTS (SELECT FROM (
            SELECT nspowner FROM pg_namespace WHERE nspname = 'pgpool_replication'
            UNION ALL SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace('pgpool_replication')
            UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = to_regnamespace('pgpool_replication')
            UNION ALL SELECT typowner FROM pg_type WHERE typnamespace = to_regnamespace('pgpool_replication')
        ) AS objects(owner) JOIN pg_roles r ON r.oid = owner WHERE NOT r.rolsuper AND r.rolname <> current_user) THEN
        RAISE insufficient_privilege USING MESSAGE = 'schema pgpool_replication, or something in it, belongs to somebody else',
            HINT = 'Look at what is in it, drop it, then prepare this database again.';
    END IF;
END $$;

CREATE SCHEMA IF NOT EXISTS pgpool_replication;
GRANT USAGE ON SCHEMA pgpool_replication TO PUBLIC;

-- One row for each transaction that may commit at the same time: its last one (seq), what that did (redo) and who
-- did it (owner), and the membership of nodes (epoch) under which the next one may commit: by who knows the token,
-- that is the proxy, which draws one whenever it raises the epoch. None: nobody.
CREATE TABLE IF NOT EXISTS pgpool_replication.slot (
    id integer PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    redo bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE pgpool_replication.slot
    ADD COLUMN IF NOT EXISTS owner text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS token bigint,
    ADD COLUMN IF NOT EXISTS answer bigint;
INSERT INTO pgpool_replication.slot (id, epoch, token, answer)
    SELECT id, COALESCE(known.epoch, 0), known.token, known.answer
    FROM generate_series(0, :slots - 1) AS id
        LEFT JOIN (SELECT epoch, token, answer FROM pgpool_replication.slot ORDER BY epoch DESC LIMIT 1) AS known ON true
    ON CONFLICT DO NOTHING;

DROP FUNCTION IF EXISTS pgpool_replication.mark(integer, bigint, bigint, bytea);
DROP FUNCTION IF EXISTS pgpool_replication.settle();
DROP FUNCTION IF EXISTS pgpool_replication.advance(regclass, text, bigint);
DROP FUNCTION IF EXISTS pgpool_replication.move(regclass, text, boolean);
DROP FUNCTION IF EXISTS pgpool_replication.lock_tables(regclass[], regclass[]);

-- Returns the answer of this epoch, or nothing: no transaction may commit by that. A commit that the node might forget
-- in a crash would be missing without a trace, so it waits for the disk whatever the session says. Called by every
-- transaction, so it has no settings of its own: they would cost as much as the rest.
CREATE OR REPLACE FUNCTION pgpool_replication.mark(which integer, sequence bigint, under bigint, what bytea, secret bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    told bigint;
BEGIN
    IF pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off' THEN
        PERFORM pg_catalog.set_config('synchronous_commit', 'on', true);
    END IF;
    UPDATE pgpool_replication.slot SET seq = sequence, redo = what, owner = session_user
        WHERE id OPERATOR(pg_catalog.=) which AND epoch OPERATOR(pg_catalog.=) under
            AND token OPERATOR(pg_catalog.=) secret AND seq OPERATOR(pg_catalog.<) sequence
        RETURNING answer INTO told;
    RETURN told;
END $$;

CREATE OR REPLACE FUNCTION pgpool_replication.caller() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
    $$ SELECT CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END $$;

-- What has an effect is for the proxy, whoever its client is: it knows the token. Superusers need none.
CREATE OR REPLACE FUNCTION pgpool_replication.demand(secret bigint)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pgpool_replication.slot WHERE id = 0 AND token = secret)
        AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = session_user AND rolsuper) THEN
        RAISE serialization_failure USING MESSAGE = 'this is for the proxy only, under the epoch that it has published last';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pgpool_replication.demand(bigint) FROM PUBLIC;

-- What is locked while a sequence moves: by nobody else, as nobody else may. Several, for many move at a time.
DO $$
BEGIN
    FOR number IN 0 .. 15 LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS pgpool_replication.turn_%s ()', number);
    END LOOP;
END $$;

-- A sequence to where main's is: forward only, unless it was set. Not for callers. One after the other, but not
-- until the transaction ends: what is rolled back here is the lock, setval() is not.
CREATE OR REPLACE FUNCTION pgpool_replication.place(sequence regclass, at bigint, called boolean, back boolean)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    position bigint;
    was_called boolean;
    is_up boolean;
BEGIN
    SELECT seqincrement > 0 INTO is_up FROM pg_sequence WHERE seqrelid = sequence;
    EXECUTE format('LOCK TABLE pgpool_replication.turn_%s IN EXCLUSIVE MODE', sequence::oid::bigint % 16);
    EXECUTE format('SELECT last_value, is_called FROM %s', sequence) INTO position, was_called;
    IF back OR (is_up AND at > position) OR (NOT is_up AND at < position) OR (at = position AND called AND NOT was_called) THEN
        PERFORM setval(sequence, at, called);
    END IF;
    RAISE SQLSTATE 'PGPOK';
EXCEPTION WHEN SQLSTATE 'PGPOK' THEN NULL;
END $$;
REVOKE ALL ON FUNCTION pgpool_replication.place(regclass, bigint, boolean, boolean) FROM PUBLIC;

-- The sequence that fills a column, to the value that another node has taken from its own. For who may insert
-- into the table, and may take values of the sequence, unless that is the column's own.
CREATE OR REPLACE FUNCTION pgpool_replication.advance(secret bigint, target regclass, filled text, taken bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller text := pgpool_replication.caller();
    number smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = target AND attname = filled);
    sequence regclass;
BEGIN
    PERFORM pgpool_replication.demand(secret);
    IF NOT has_table_privilege(caller, target, 'INSERT') AND NOT has_any_column_privilege(caller, target, 'INSERT') THEN
        RAISE insufficient_privilege USING MESSAGE = format('permission denied for table %s', target);
    END IF;
    SELECT d.refobjid::regclass INTO sequence
        FROM pg_attrdef a JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid
            JOIN pg_sequence s ON d.refclassid = 'pg_class'::regclass AND s.seqrelid = d.refobjid
        WHERE a.adrelid = target AND a.adnum = number;
    sequence := COALESCE(sequence, pg_get_serial_sequence(target::text, filled)::regclass);
    IF NOT has_sequence_privilege(caller, sequence, 'USAGE') AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = sequence AND deptype IN ('a', 'i')
                AND refclassid = 'pg_class'::regclass AND refobjid = target AND refobjsubid = number) THEN
        RAISE insufficient_privilege USING MESSAGE = format('permission denied for sequence %s', sequence);
    END IF;
    PERFORM pgpool_replication.place(sequence, taken, true, false);
END $$;

-- Who may call nextval() and setval(), or has it called by inserting into the table that an identity belongs to.
CREATE OR REPLACE FUNCTION pgpool_replication.may_draw(caller text, target regclass, privileges text)
RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT has_sequence_privilege(caller, target, privileges) OR EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = target
            AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i' AND privileges <> 'UPDATE'
            AND (has_table_privilege(caller, d.refobjid, 'INSERT') OR has_any_column_privilege(caller, d.refobjid, 'INSERT')))
$$;
REVOKE ALL ON FUNCTION pgpool_replication.may_draw(text, regclass, text) FROM PUBLIC;

-- Where a sequence is, on main; and the others to there. For who may call nextval() or setval().
CREATE OR REPLACE FUNCTION pgpool_replication.position(target regclass)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    position text;
BEGIN
    IF NOT pgpool_replication.may_draw(pgpool_replication.caller(), target, 'USAGE, UPDATE') THEN
        RAISE insufficient_privilege USING MESSAGE = format('permission denied for sequence %s', target);
    END IF;
    EXECUTE format('SELECT concat_ws('' '', last_value, is_called) FROM %s', target) INTO position;
    RETURN position;
END $$;

CREATE OR REPLACE FUNCTION pgpool_replication.move(secret bigint, target regclass, main text, back boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pgpool_replication.demand(secret);
    IF NOT pgpool_replication.may_draw(pgpool_replication.caller(), target, CASE WHEN back THEN 'UPDATE' ELSE 'USAGE, UPDATE' END) THEN
        RAISE insufficient_privilege USING MESSAGE = format('permission denied for sequence %s', target);
    END IF;
    PERFORM pgpool_replication.place(target, split_part(main, ' ', 1)::bigint, split_part(main, ' ', 2)::boolean, back);
END $$;

-- Before a statement that all nodes repeat by itself: nobody else writes what it reads or writes until the transaction
-- ends, nor what foreign keys change after it. For who may write the tables, or LOCK those that are only read: who may
-- only read them must not keep others from writing. Tables in the order of their names,
-- the same on all nodes; once more if one of them has got another name, or more to follow, meanwhile.
CREATE OR REPLACE FUNCTION pgpool_replication.lock_tables(secret bigint, written regclass[], others regclass[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller text := pgpool_replication.caller();
    target regclass;
    command text;
    wanted text[];
    taken text[] := '{}';
BEGIN
    PERFORM pgpool_replication.demand(secret);
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE feature_not_supported USING
            MESSAGE = format('this cannot be replicated: tables must be locked before it, which is too late under %s',
                             upper(current_setting('transaction_isolation'))),
            HINT = 'Under READ COMMITTED it can.';
    END IF;
    FOREACH target IN ARRAY written || others LOOP
        IF NOT has_any_column_privilege(caller, target, CASE WHEN target = ANY (written) THEN 'INSERT, UPDATE' ELSE 'SELECT' END)
            AND NOT (target = ANY (written) AND has_table_privilege(caller, target, 'DELETE')) THEN
            RAISE insufficient_privilege USING MESSAGE = format('permission denied for table %s', target);
        END IF;
        IF NOT target = ANY (written) AND NOT has_table_privilege(caller, target, 'UPDATE, DELETE, TRUNCATE') THEN
            RAISE feature_not_supported USING
                MESSAGE = format('this cannot be replicated: nobody may write %s meanwhile, which takes more than the right to read it', target),
                HINT = 'UPDATE, DELETE or TRUNCATE on it is enough.';
        END IF;
    END LOOP;
    LOOP
        WITH RECURSIVE reached(relation) AS (
            SELECT w.relation::oid FROM unnest(written) AS w(relation)
            UNION
            SELECT n.relation FROM reached r CROSS JOIN LATERAL (
                SELECT k.conrelid AS relation FROM pg_constraint k
                    WHERE k.contype = 'f' AND k.confrelid = r.relation AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
                UNION ALL SELECT p.relid::oid FROM pg_partition_tree(r.relation) p) AS n),
        needed(relation, mode) AS (
            SELECT relation, min(mode) FROM (
                SELECT relation, '1 SHARE ROW EXCLUSIVE' AS mode FROM reached
                UNION ALL SELECT o.relation::oid, '2 SHARE' FROM unnest(others) AS o(relation)) AS each_one GROUP BY relation)
        SELECT COALESCE(array_agg(format('LOCK TABLE %s IN %s MODE', c.oid::regclass, substr(n.mode, 3)) ORDER BY c.oid::regclass::text), '{}')
            INTO wanted FROM needed n JOIN pg_class c ON c.oid = n.relation;
        EXIT WHEN wanted = taken;
        FOREACH command IN ARRAY wanted LOOP
            EXECUTE command;
        END LOOP;
        taken := wanted;
    END LOOP;
    SELECT c.oid::regclass INTO target FROM pg_class c
        WHERE c.oid IN (SELECT g.relation FROM unnest((written || others)::oid[]) AS g(relation)
                        UNION ALL SELECT p.relid FROM unnest((written || others)::oid[]) AS g(relation), pg_partition_tree(g.relation) p)
            AND (c.relkind NOT IN ('r', 'p') OR c.relpersistence <> 'p' OR c.relnamespace IN ('pg_catalog'::regnamespace, 'pgpool_replication'::regnamespace));
    IF FOUND THEN
        RAISE feature_not_supported USING
            MESSAGE = format('this cannot be replicated: the rows of "%s" may not be the same on all nodes', target);
    END IF;
END $$;

-- Around statements that repeat the rows of another node, where triggers have run already: by who may mark. Has no
-- settings of its own, as mark().
CREATE OR REPLACE FUNCTION pgpool_replication.keep_quiet(secret bigint, quiet boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    usual pg_catalog.text := CASE WHEN quiet THEN 'origin' ELSE 'replica' END;
BEGIN
    IF NOT EXISTS (SELECT FROM pgpool_replication.slot
            WHERE id OPERATOR(pg_catalog.=) 0 AND token OPERATOR(pg_catalog.=) secret) THEN
        RAISE serialization_failure USING MESSAGE = 'triggers are kept quiet by who may mark only';
    END IF;
    IF pg_catalog.current_setting('session_replication_role') OPERATOR(pg_catalog.<>) usual THEN
        RAISE feature_not_supported USING MESSAGE = pg_catalog.format('triggers cannot be kept quiet where session_replication_role is %s',
            pg_catalog.current_setting('session_replication_role'));
    END IF;
    PERFORM pg_catalog.set_config('session_replication_role', CASE WHEN quiet THEN 'replica' ELSE 'origin' END, true);
END $$;

-- For each row of a COPY what main has filled in, as a notice to the proxy: extra_float_digits, and the values. It has
-- no effect, so it needs no token. STABLE: with VOLATILE code in its WHERE, COPY inserts row by row.
CREATE OR REPLACE FUNCTION pgpool_replication.tell(VARIADIC filled text[]) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE INFO USING ERRCODE = 'PGPCV', MESSAGE = pg_catalog.concat_ws(E'\x1f', pg_catalog.current_setting('extra_float_digits'),
        pg_catalog.array_to_string(filled, E'\x1f', E'\x1e'));
    RETURN true;
END $$;

-- Before materialized views are refreshed on all nodes: nobody writes the tables that their queries read, also by views,
-- until the transaction ends. For who owns them.
CREATE OR REPLACE FUNCTION pgpool_replication.lock_sources(secret bigint, views regclass[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command text;
BEGIN
    PERFORM pgpool_replication.demand(secret);
    IF EXISTS (SELECT FROM pg_class WHERE oid = ANY (views::oid[]) AND NOT pg_has_role(pgpool_replication.caller(), relowner, 'USAGE')) THEN
        RAISE insufficient_privilege USING MESSAGE = format('must be owner of materialized view %s', array_to_string(views, ', '));
    END IF;
    FOR command IN
        WITH RECURSIVE reached(relation) AS (
            SELECT v.relation::oid FROM unnest(views) AS v(relation)
            UNION
            SELECT d.refobjid FROM reached r JOIN pg_class c ON c.oid = r.relation JOIN pg_rewrite w ON w.ev_class = c.oid
                JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
                WHERE c.relkind = 'v' OR c.oid = ANY (views::oid[]))
        SELECT format('LOCK TABLE %s IN SHARE MODE', c.oid::regclass) FROM reached r JOIN pg_class c ON c.oid = r.relation
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace ORDER BY c.oid::regclass::text
    LOOP
        EXECUTE command;
    END LOOP;
END $$;

-- What a relation holds, whatever the order of its rows; nothing of one that is gone.
CREATE OR REPLACE FUNCTION pgpool_replication.digest(relation regclass) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 3 SET DateStyle = 'ISO, YMD' SET bytea_output = 'hex' AS $$
DECLARE
    found text;
BEGIN
    IF relation IS NULL THEN RETURN ''; END IF;
    EXECUTE format('SELECT concat_ws('' '', count(*), sum(hashtextextended(pgpool_row::text, 0)::numeric)) FROM %s AS pgpool_row', relation)
        INTO found;
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION pgpool_replication.same_rows(relation regclass, main text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pgpool_replication.digest(relation) IS DISTINCT FROM main THEN
        RAISE feature_not_supported USING
            MESSAGE = format('the rows of materialized view %s are not those of the main node', relation);
    END IF;
END $$;

-- The names of the relations that this transaction has made: it holds their strongest lock, as of others that it has
-- altered. Not of what is the session's own, nor of TOAST tables, which bear numbers.
CREATE OR REPLACE FUNCTION pgpool_replication.names_made() RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT concat_ws(' ', count(*), sum(hashtextextended(concat_ws('.', c.relkind, c.relnamespace::regnamespace, c.relname), 0)::numeric))
        FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND c.relpersistence <> 't' AND c.relnamespace <> 'pg_toast'::regnamespace);
END $$;

CREATE OR REPLACE FUNCTION pgpool_replication.same_names_made(main text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pgpool_replication.names_made() IS DISTINCT FROM main THEN
        RAISE serialization_failure USING MESSAGE = 'names of what it has made are not those of the main node';
    END IF;
END $$;

-- Waits for the transactions that have marked, and so are about to commit or to roll back; for a moment only, as
-- one of them may wait in the same way on another node: 55P03 if some are still there. For who may mark: until the caller's transaction ends
-- nobody else can.
CREATE OR REPLACE FUNCTION pgpool_replication.settle(secret bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF EXISTS (SELECT FROM pgpool_replication.slot WHERE id = 0 AND token = secret) THEN
        LOCK TABLE pgpool_replication.slot IN SHARE MODE;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION pgpool_replication.version() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 5';
