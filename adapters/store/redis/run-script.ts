import { StoreFullError } from '../../../src/relay/store/contract.js';
import type { ConnectionManager } from './connection-manager.js';
import { RedisStoreError } from './errors.js';
import type { ReplaceScripts, Script } from './scripts.js';
import { foreignValueError } from './stored-value.js';

/** The result of each script: done, absent or present, conflict or too late. */
export type ScriptResult = 1 | 0 | -1;

/**
 * Runs a script by its digest, or by its text where the server has not cached it (restart, fail-over, SCRIPT FLUSH).
 */
export async function runScript(
  redis: ConnectionManager,
  { sha1, text }: Script,
  key: string,
  args: readonly string[],
): Promise<ScriptResult> {
  let reply: unknown;
  try {
    reply = await redis.send(key, ['EVALSHA', sha1, '1', key, ...args]);
  } catch (cause) {
    if (!(cause instanceof RedisStoreError) || cause.code !== 'NOSCRIPT') throw cause;
    reply = await redis.send(key, ['EVAL', text, '1', key, ...args]);
  }
  if (reply === 1 || reply === 0 || reply === -1) return reply;
  throw foreignValueError();
}

export async function runReplace(
  redis: ConnectionManager,
  scripts: ReplaceScripts,
  key: string,
  args: readonly string[],
): Promise<ScriptResult> {
  try {
    return await runScript(redis, scripts.usual, key, args);
  } catch (cause) {
    if (!isOutOfMemory(cause)) throw cause;
    // The script wrote nothing. A value that is not longer needs no memory; the first error says more than the second.
    return runScript(redis, scripts.inPlace, key, args).catch(() => {
      throw fullError(cause);
    });
  }
}

export function isOutOfMemory(error: unknown): boolean {
  return error instanceof RedisStoreError && error.code === 'OOM';
}

export function fullError(cause: unknown): StoreFullError {
  return new StoreFullError('Redis has no memory left.', { cause });
}
