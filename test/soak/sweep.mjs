/**
 * `npm run soak -- sweep [millions]`: so many millions (default 1) of expired rows and as many live ones in Postgres, of
 * realistic size. Measures a sweep of 10,000 in batches of 1,000, shows by EXPLAIN that it costs what the expired rows
 * cost, and measures reads without and with sweeps going on. Uses TEST_POSTGRES_URL, else starts a server of its own.
 * Ends and cleans up by itself, in about two minutes; exit 0 only if the sweep used the index and all reads were served.
 */
import { fileURLToPath } from 'node:url';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import pg from 'pg';
import { build } from 'tsup';

const millions = Number(process.argv[2] ?? 1);
const ROWS = millions * 1_000_000;
const SWEEP = 10_000;
const BATCH = 1_000;
const TABLE = 'credential_relay_mailbox';
/** A sealed mailbox with one payload and two devices. */
const VALUE_CHARACTERS = 1_100;

const outDir = fileURLToPath(new URL('../../node_modules/.cache/credential-relay-sweep', import.meta.url));
await build({
  config: false,
  silent: true,
  entry: { server: fileURLToPath(new URL('../support/postgres/server.ts', import.meta.url)) },
  outDir,
  format: ['esm'],
  target: 'node20.19',
  skipNodeModulesBundle: true,
});
const { startPostgres } = await import(`${outDir}/server.js`);

const server = await startPostgres();
const schema = server.freshSchema();
const table = `${schema}.${TABLE}`;
const store = postgresStore(server.url, { schema });
const client = new pg.Client({ connectionString: server.url });

/** @param {readonly number[]} times @param {number} quantile */
const at = (times, quantile) => times[Math.min(times.length - 1, Math.floor(times.length * quantile))]?.toFixed(2);

/** Reads live entries in 4 lanes, as long as `goOn` says. @param {() => boolean} goOn */
async function reads(goOn) {
  /** @type {number[]} */
  const times = [];
  let missed = 0;
  async function lane() {
    while (goOn()) {
      const started = performance.now();
      const entry = await store.get(`relay:live-${1 + Math.floor(Math.random() * ROWS)}`);
      times.push(performance.now() - started);
      if (entry === undefined) missed += 1;
    }
  }
  const started = performance.now();
  await Promise.all([lane(), lane(), lane(), lane()]);
  times.sort((a, b) => a - b);
  const perSecond = Math.round((times.length / (performance.now() - started)) * 1000);
  return { missed, text: `${times.length} gets, ${perSecond}/s, p50 ${at(times, 0.5)} ms, p99 ${at(times, 0.99)} ms` };
}

async function sweep() {
  let erased = 0;
  const started = performance.now();
  while (erased < SWEEP) {
    const batch = await store.sweep?.(BATCH);
    if (!batch) break;
    erased += batch;
  }
  return { erased, ms: performance.now() - started };
}

/** The statement as the store sends it, taken from the server's own list of what is prepared. */
async function planOfSweep() {
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  try {
    const own = postgresStore(pool, { schema });
    await own.sweep?.(0);
    const { rows } = await pool.query("select statement from pg_prepared_statements where statement like '%delete%'");
    const text = rows[0].statement.replace('$1::bigint', String(BATCH));
    await pool.query('begin');
    const plan = await pool.query(`explain (analyze, buffers, timing off) ${text}`);
    await pool.query('rollback');
    return plan.rows.map((row) => row['QUERY PLAN']);
  } finally {
    await pool.end();
  }
}

let sound = false;
try {
  await store.ping();
  await client.connect();
  console.log(`${server.kind}; ${(await client.query('show server_version')).rows[0].server_version}`);
  const now = Date.now();
  const started = performance.now();
  const insert = (kind, deadline) =>
    client.query(`insert into ${table} (key, revision, value, expires_at)
      select 'relay:${kind}-' || n, lpad(n::text, 16, 'r'),
        lpad(n::text, 16, 'r') || '.' || repeat(md5(n::text), ${Math.ceil(VALUE_CHARACTERS / 32)}), ${deadline}
      from generate_series(1, ${ROWS}) n`);
  // Deadlines in no order of the rows, as mailboxes of different lifetimes have them.
  await insert('expired', `${now} - 1 - (hashint8(n) & 86400000)`);
  await insert('live', `${now} + 3600000 + (hashint8(n) & 86400000)`);
  await client.query(`vacuum analyze ${table}`);
  await client.query('checkpoint');
  const size = (await client.query(`select pg_size_pretty(pg_total_relation_size('${table}')) as size`)).rows[0].size;
  console.log(
    `${ROWS} expired and ${ROWS} live rows, ${size}, in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );

  const plan = await planOfSweep();
  const usesIndex = plan.some((line) => line.includes(`using ${TABLE}_expires_at`));
  const scansAll = plan.some((line) => line.includes(`Seq Scan on ${TABLE}`));
  console.log(plan.map((line) => `  ${line}`).join('\n'));

  const first = await sweep();
  console.log(`sweep of ${first.erased} in batches of ${BATCH}: ${first.ms.toFixed(0)} ms`);
  let end = performance.now() + 5_000;
  const quiet = await reads(() => performance.now() < end);
  console.log(`reads without a sweep: ${quiet.text}`);

  let sweeping = true;
  const sweeps = (async () => {
    const all = [];
    end = performance.now() + 5_000;
    while (performance.now() < end) all.push(await sweep());
    sweeping = false;
    return all;
  })();
  const busy = await reads(() => sweeping);
  const all = await sweeps;
  const full = all.filter(({ erased }) => erased === SWEEP);
  const times = full.map(({ ms }) => ms).sort((a, b) => a - b);
  console.log(`reads with sweeps:     ${busy.text}`);
  console.log(`${full.length} sweeps of ${SWEEP} meanwhile: p50 ${at(times, 0.5)} ms, slowest ${at(times, 1)} ms`);

  const left = (await client.query(`select count(*)::int as rows from ${table} where expires_at > ${now}`)).rows[0]
    .rows;
  const missed = quiet.missed + busy.missed;
  console.log(
    `live rows left: ${left}; reads that missed: ${missed}; index used: ${usesIndex}; table scanned: ${scansAll}`,
  );
  sound = usesIndex && !scansAll && left === ROWS && missed === 0 && first.erased === SWEEP;
} finally {
  await store.close();
  await client.end();
  await server.close();
}
console.log(sound ? 'Sound.' : 'NOT SOUND.');
process.exitCode = sound ? 0 : 1;
