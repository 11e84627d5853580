import { randomBytes } from 'node:crypto';
import { isStoreFull, REVISION_CHARACTERS, type StoreHealth } from '../../../src/relay/store/contract.js';
import { PostgresFailure } from './errors.js';
import type { StatementRunner } from './statement-runner.js';
import type { PostgresStatements } from './statements.js';

/** Lifetime of the row in ms, if the process ends before it erases the row. */
const ROW_LIFETIME_MS = 10_000;

/** About the size of a mailbox: a small row would find room in gaps of the table when no mailbox does any more. */
const ROW_CHARACTERS = 1_500;

/**
 * Checks that the operations of the relay work, by their own statements, on a row that lives for the time of the check:
 * a server that only answers may be read-only, full, without rights for the role, or have a table of another shape.
 * Each check has a separate key, so checks of many processes do not disturb each other. About five round trips.
 *
 * @throws PostgresFailure with the cause and the remedy
 */
export async function checkReadiness(runner: StatementRunner, statements: PostgresStatements): Promise<StoreHealth> {
  try {
    await runner.ensureTable();
    const startedAt = Date.now();
    const { now } = await runner.run<{ now: unknown }>(statements.clock, []);
    const clockSkewMs = Math.round(Number(now) - (startedAt + Date.now()) / 2);
    await writeAndErase(runner, statements, Math.floor(Number(now)) + ROW_LIFETIME_MS);
    return { clockSkewMs };
  } catch (error) {
    // A writer gets a StoreFullError; readiness names the disk.
    throw isStoreFull(error) && error.cause instanceof PostgresFailure ? error.cause : error;
  }
}

async function writeAndErase(
  runner: StatementRunner,
  statements: PostgresStatements,
  expiresAt: number,
): Promise<void> {
  const key = `ping:${randomText(24)}`;
  const [first, second] = [randomText(REVISION_CHARACTERS), randomText(REVISION_CHARACTERS)];
  const value = (revision: string): string => revision.padEnd(ROW_CHARACTERS, '.');
  const created = await runner.run<{ done: boolean }>(statements.create, [key, first, value(first), expiresAt]);
  const replaced = await runner.run<{ done: boolean }>(statements.replace, [key, first, second, value(second), null]);
  type Row = { revision: string; value: string; expires_at: unknown } | undefined;
  const row = await runner.run<Row>(statements.get, [key]);
  const erased = await runner.run<{ done: boolean }>(statements.erase, [key, second]);
  const isSame = row?.revision === second && row.value === value(second) && Number(row.expires_at) === expiresAt;
  if (!(created.done && replaced.done && isSame && erased.done)) throw new PostgresFailure('POSTGRES_ROW_CHANGED');
}

function randomText(characters: number): string {
  return randomBytes(characters).toString('base64url').slice(0, characters);
}
