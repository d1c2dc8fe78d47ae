// SPDX-License-Identifier: PostgreSQL
// node-postgres: pool, parameters, named statements, cursors, transactions, errors, notifications, types.
'use strict';
const assert = require('assert');
const { Client, Pool } = require('pg');
const Cursor = require('pg-cursor');

const keepsState = process.env.CLIENT_POOL_MODE !== 'transaction';
const replicates = process.env.CLIENT_POOL_MODE === 'replication';

async function queries(client) {
    await client.query('drop table if exists node; create table node(id int primary key, body jsonb)');
    for (let i = 0; i < 20; i++) {
        const result = await client.query('insert into node values ($1, $2) returning id', [i, { value: i }]);
        assert.strictEqual(result.rows[0].id, i);
    }
    const several = await client.query('select 1 as a; select 2 as b');
    assert.deepStrictEqual(several.map((r) => r.rows.length), [1, 1]);
    const typed = await client.query({ text: 'select $1::int[] as a, $2::timestamptz as t, null as n', values: [[1, 2], new Date(0)] });
    assert.deepStrictEqual(typed.rows[0].a, [1, 2]);
    assert.strictEqual(typed.rows[0].t.getTime(), 0);
    const array = await client.query({ text: 'select id from node order by id', rowMode: 'array' });
    assert.strictEqual(array.rows.length, 20);
}

async function namedStatements(client) {
    for (let i = 0; i < 50; i++) {
        const result = await client.query({ name: `lookup-${i % 3}`, text: `select id + ${i % 3} as x from node where id = $1`, values: [i % 20] });
        assert.strictEqual(result.rows[0].x, (i % 20) + (i % 3));
    }
}

async function errors(client) {
    await assert.rejects(client.query('select 1/0'), { code: '22012' });
    await assert.rejects(client.query('select $1::int', ['x']), { code: '22P02' });
    await assert.rejects(client.query('insert into node values (1)'), { code: '23505', constraint: 'node_pkey' });
    assert.strictEqual((await client.query('select 1 as one')).rows[0].one, 1);
}

async function transactions(client) {
    await client.query('begin');
    await client.query('insert into node values (100)');
    await assert.rejects(client.query('selct'));
    await assert.rejects(client.query('select 1'), { code: '25P02' });
    await client.query('rollback');
    assert.strictEqual((await client.query('select count(*)::int as n from node where id = 100')).rows[0].n, 0);
}

async function cursors(client) {
    await client.query('begin');
    const cursor = client.query(new Cursor('select g from generate_series(1, 1000) g'));
    let total = 0;
    for (let rows = await cursor.read(64); rows.length > 0; rows = await cursor.read(64)) {
        total += rows.length;
    }
    await cursor.close();
    await client.query('commit');
    assert.strictEqual(total, 1000);
}

async function notifications() {
    const listener = new Client();
    await listener.connect();
    const heard = new Promise((resolve) => listener.on('notification', (message) => resolve(message.payload)));
    await listener.query('listen node_channel');
    const speaker = new Client();
    await speaker.connect();
    await speaker.query("select pg_notify('node_channel', 'hello')");
    assert.strictEqual(await heard, 'hello');
    await listener.end();
    await speaker.end();
}

async function pooled() {
    const pool = new Pool({ max: 15 });
    const answers = await Promise.all(Array.from({ length: 400 }, (_, i) => pool.query('select $1::int as n', [i])));
    answers.forEach((answer, i) => assert.strictEqual(answer.rows[0].n, i));
    await pool.end();
}

async function main() {
    const client = new Client({ application_name: 'node_client' });
    const notices = [];
    client.on('notice', (notice) => notices.push(notice.message));
    await client.connect();
    for (const check of [queries, namedStatements, errors, transactions, cursors]) {
        await check(client);
    }
    if (!replicates) {
        await client.query("do $$ begin raise notice 'noticed'; end $$");
        assert.deepStrictEqual(notices.slice(-1), ['noticed']);
    }
    if (keepsState) {
        await notifications();
    }
    await pooled();
    await client.query('drop table node');
    await client.end();
    console.log('node-postgres: 8 groups of checks');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
