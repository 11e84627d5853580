import { postgresStore } from 'credential-relay/adapters/store/postgres';
import pg from 'pg';
import { expect, it } from 'vitest';
import { startPostgres } from '../support/postgres/server.js';
import { parseArguments } from './arguments.js';
import { formatSeconds, quantile } from './figures.js';

/*
 * A sweep of Postgres over expired and live rows of realistic size: it must use the index, cost only as much as the rows
 * that it deletes, and not disturb reads.
 */

const { rows: ROWS } = parseArguments([], { rows: 1_000_000 }).sizes;
const SWEEP = Math.min(10_000, ROWS / 10);
const BATCH = SWEEP / 10;
const MEASURE_MS = 5_000;
const TABLE = 'credential_relay_mailbox';
/** A sealed mailbox with one payload and two devices. */
const VALUE_CHARACTERS = 1_100;

const format = (ms: number): string => ms.toFixed(2);

it('a sweep uses the index and leaves live rows and reads alone', async () => {
  const server = await startPostgres();
  const schema = server.freshSchema();
  const table = `${schema}.${TABLE}`;
  const store = postgresStore(server.url, { schema });
  const client = new pg.Client({ connectionString: server.url });

  async function insert(kind: 'expired' | 'live', deadline: string): Promise<void> {
    await client.query(`insert into ${table} (key, revision, value, expires_at)
      select 'relay:${kind}-' || n, lpad(n::text, 16, 'r'),
        lpad(n::text, 16, 'r') || '.' || repeat(md5(n::text), ${Math.ceil(VALUE_CHARACTERS / 32)}), ${deadline}
      from generate_series(1, ${ROWS}) n`);
  }

  /** Reads live rows, four at a time, while `isRunning`. */
  async function read(isRunning: () => boolean): Promise<{ missed: number; text: string }> {
    const times: number[] = [];
    let missed = 0;
    const began = performance.now();
    const work = async (): Promise<void> => {
      while (isRunning()) {
        const started = performance.now();
        const entry = await store.get(`relay:live-${1 + Math.floor(Math.random() * ROWS)}`);
        times.push(performance.now() - started);
        if (entry === undefined) missed += 1;
      }
    };
    await Promise.all(Array.from({ length: 4 }, work));
    const perSecond = Math.round((times.length / (performance.now() - began)) * 1000);
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)].map(format);
    return { missed, text: `${times.length} gets, ${perSecond}/s, p50 ${p50} ms, p99 ${p99} ms` };
  }

  async function sweep(): Promise<{ erased: number; ms: number }> {
    const began = performance.now();
    let erased = 0;
    for (let batch = BATCH; erased < SWEEP && batch > 0; erased += batch) batch = (await store.sweep?.(BATCH)) ?? 0;
    return { erased, ms: performance.now() - began };
  }

  /** The plan of the statement that the store prepared. */
  async function explainSweep(): Promise<string[]> {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    try {
      await postgresStore(pool, { schema }).sweep?.(0);
      const prepared = "select statement from pg_prepared_statements where statement like '%delete%'";
      const { statement } = (await pool.query(prepared)).rows[0];
      await pool.query('begin');
      const sized = statement.replace('$1::bigint', String(BATCH));
      const { rows } = await pool.query(`explain (analyze, buffers, timing off) ${sized}`);
      await pool.query('rollback');
      return rows.map((row) => row['QUERY PLAN']);
    } finally {
      await pool.end();
    }
  }

  try {
    await store.ping();
    await client.connect();
    console.log(`${server.kind}; ${(await client.query('show server_version')).rows[0].server_version}`);
    const now = Date.now();
    const began = performance.now();
    // Mailboxes have different lifetimes, so their deadlines are not in the order of the rows.
    await insert('expired', `${now} - 1 - (hashint8(n) & 86400000)`);
    await insert('live', `${now} + 3600000 + (hashint8(n) & 86400000)`);
    await client.query(`vacuum analyze ${table}`);
    await client.query('checkpoint');
    const { size } = (await client.query(`select pg_size_pretty(pg_total_relation_size('${table}')) as size`)).rows[0];
    console.log(`${ROWS} expired and ${ROWS} live rows, ${size}, in ${formatSeconds(began)}`);

    const plan = await explainSweep();
    const usesIndex = plan.some((line) => line.includes(`using ${TABLE}_expires_at`));
    const scansTable = plan.some((line) => line.includes(`Seq Scan on ${TABLE}`));
    console.log(plan.map((line) => `  ${line}`).join('\n'));

    const first = await sweep();
    console.log(`sweep of ${first.erased} in batches of ${BATCH}: ${first.ms.toFixed(0)} ms`);
    const quietEnd = performance.now() + MEASURE_MS;
    const quiet = await read(() => performance.now() < quietEnd);
    console.log(`reads without a sweep: ${quiet.text}`);

    let isSweeping = true;
    const sweeping = (async () => {
      const sweeps = [];
      for (const end = performance.now() + MEASURE_MS; performance.now() < end; ) sweeps.push(await sweep());
      isSweeping = false;
      return sweeps;
    })();
    const busy = await read(() => isSweeping);
    const times = (await sweeping).filter(({ erased }) => erased === SWEEP).map(({ ms }) => ms);
    console.log(`reads with sweeps:     ${busy.text}`);
    console.log(
      `${times.length} sweeps of ${SWEEP} at the same time: p50 ${format(quantile(times, 0.5))} ms, ` +
        `slowest ${format(quantile(times, 1))} ms`,
    );

    const countLive = `select count(*)::int as rows from ${table} where expires_at > ${now}`;
    const left = (await client.query(countLive)).rows[0].rows;
    const missed = quiet.missed + busy.missed;
    console.log(
      `live rows left: ${left}; reads that missed: ${missed}; index used: ${usesIndex}; table scanned: ${scansTable}`,
    );
    expect({ usesIndex, scansTable, left, missed, erased: first.erased }).toEqual({
      ...{ usesIndex: true, scansTable: false, left: ROWS, missed: 0, erased: SWEEP },
    });
  } finally {
    await store.close();
    await client.end();
    await server.close();
  }
});
