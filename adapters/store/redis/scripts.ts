import { createHash } from 'node:crypto';
import { REVISION_CHARACTERS } from '../../../src/relay/store/contract.js';
import { CHANNEL } from './changes.js';
import { REVISION_AND_DEADLINE_CHARACTERS } from './stored-value.js';

/** A Lua script and its digest: EVALSHA runs a script that the server has cached. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

/**
 * Put if absent, by the server's clock. Each script touches only one key, so that a cluster can run it. No command that
 * can fail follows the write.
 */
export const CREATE = createScript(`
local now = redis.call('TIME')
if tonumber(ARGV[2]) <= now[1] * 1000 + math.floor(now[2] / 1000) then return -1 end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PXAT', ARGV[2]) then return 0 end
return 1`);

/** Compare and set. */
export interface ReplaceScripts {
  readonly usual: Script;
  /**
   * For a Redis without free memory: accepts only a value that is not longer. Redis 7 and later run the script because
   * of its flag `allow-oom`; an earlier Redis rejects it.
   *
   * @see https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags
   */
  readonly inPlace: Script;
}

/**
 * The stored value begins with its revision, so the script compares only this prefix. Without a deadline among the
 * arguments the deadline stays, both in the text and in Redis. The script runs `afterwards` after the write.
 */
function createReplaceScripts(afterwards: string): ReplaceScripts {
  const buildText = (first: string, condition: string): string => `${first}
local stored = redis.call('GET', KEYS[1])
if not stored then return 0 end
if string.sub(stored, 1, ${REVISION_CHARACTERS}) ~= ARGV[1] then return -1 end${condition}
if ARGV[3] == '' then
  local revision = string.sub(ARGV[2], 1, ${REVISION_CHARACTERS})
  local deadline = string.sub(stored, ${REVISION_CHARACTERS + 1}, ${REVISION_AND_DEADLINE_CHARACTERS})
  local content = string.sub(ARGV[2], ${REVISION_AND_DEADLINE_CHARACTERS + 1})
  redis.call('SET', KEYS[1], revision .. deadline .. content, 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end${afterwards}
return 1`;
  return {
    usual: createScript(buildText('', '')),
    inPlace: createScript(
      buildText(
        '#!lua flags=allow-oom',
        `
if #ARGV[2] > #stored then return redis.error_reply('OOM the value would grow') end`,
      ),
    ),
  };
}

export const REPLACE = createReplaceScripts('');

/** Ignores the error of PUBLISH (by `pcall`): the write is done, even if nobody can be notified. */
export const REPLACE_AND_PUBLISH = createReplaceScripts(`
redis.pcall('PUBLISH', '${CHANNEL}', KEYS[1])`);

function createScript(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
