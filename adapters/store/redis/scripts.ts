import { createHash } from 'node:crypto';
import { REVISION_CHARACTERS } from '../../../src/relay/store/contract.js';
import { CHANNEL } from './changes.js';

/** A Lua script and its digest, by which a server that has it runs it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Characters of the deadline that follows the revision in what is kept: a safe integer, zeros before it. */
export const DEADLINE_CHARACTERS = 16;
export const REVISION_AND_DEADLINE = REVISION_CHARACTERS + DEADLINE_CHARACTERS;

/**
 * Put if absent. The deadline is judged by the server's clock. All scripts touch one key, so that a cluster can run
 * them, and nothing that can fail follows their one write.
 */
export const CREATE = script(`
local now = redis.call('TIME')
if tonumber(ARGV[2]) <= now[1] * 1000 + math.floor(now[2] / 1000) then return -1 end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PXAT', ARGV[2]) then return 0 end
return 1`);

/** Compare and set, in its two forms. */
export interface Replacement {
  readonly usual: Script;
  /**
   * For a Redis that has no memory left: replaces only by a value that is not longer. A script of Redis 7 may write then
   * if it says so; an earlier Redis refuses it.
   */
  readonly inPlace: Script;
}

/**
 * Compare and set. What is kept begins with its revision, so the rest of it need not be sent to be compared. Without a
 * deadline in the arguments the one that is kept stays, in the text as in Redis. `further` is run after the write.
 */
function replacement(further: string): Replacement {
  const text = (first: string, condition: string): string => `${first}
local held = redis.call('GET', KEYS[1])
if not held then return 0 end
if string.sub(held, 1, ${REVISION_CHARACTERS}) ~= ARGV[1] then return -1 end${condition}
if ARGV[3] == '' then
  local deadline = string.sub(held, ${REVISION_CHARACTERS + 1}, ${REVISION_AND_DEADLINE})
  local kept = string.sub(ARGV[2], 1, ${REVISION_CHARACTERS}) .. deadline .. string.sub(ARGV[2], ${REVISION_AND_DEADLINE + 1})
  redis.call('SET', KEYS[1], kept, 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end${further}
return 1`;
  return {
    usual: script(text('', '')),
    inPlace: script(
      text(
        '#!lua flags=allow-oom',
        `
if #ARGV[2] > #held then return redis.error_reply('OOM the value would grow') end`,
      ),
    ),
  };
}

/** Compare and set, untold. */
export const REPLACE = replacement('');

/** With word of the change. By pcall, whose error is dropped: what was written is written, whoever may hear of it. */
export const REPLACE_AND_TELL = replacement(`
redis.pcall('PUBLISH', '${CHANNEL}', KEYS[1])`);

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
