import { randomFillSync, randomUUID } from 'node:crypto';
import { REVISION_CHARACTERS } from './contract.js';

/** The randomness of the relay. A parameter, so that transitions stay pure. */
export interface Random {
  /** A new revision: 96 bits as base64url. */
  revision(): string;
  /** A fresh 96-bit initialisation vector. */
  iv(): Uint8Array;
  /** A UUID version 4. */
  uuid(): string;
}

const POOL_BYTES = 4096;
const IV_BYTES = 12;
const REVISION_BYTES = (REVISION_CHARACTERS * 3) / 4;

/**
 * Cryptographic randomness cut from a pool: 12 bytes take 0.1 µs, `randomBytes(12)` takes 2.6 µs (Node 20). The pool
 * hands each byte out once and is never refilled in place, so a slice does not change.
 */
export function createRandom(): Random {
  let pool = Buffer.alloc(0);
  let offset = 0;

  function take(count: number): Buffer {
    if (offset + count > pool.length) {
      pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES));
      offset = 0;
    }
    offset += count;
    return pool.subarray(offset - count, offset);
  }

  return {
    revision: () => take(REVISION_BYTES).toString('base64url'),
    iv: () => take(IV_BYTES),
    uuid: () => randomUUID(),
  };
}
