import type { HeaderSource } from './headers.js';

const WAIT = /^\s*wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?$/i;

/**
 * The seconds of a `Prefer: wait=N` (RFC 7240 §4.3), the first where there are several; `undefined` without one. What
 * is malformed is ignored, as the RFC has it.
 */
export function preferredWait(source: HeaderSource): number | undefined {
  for (const preference of source.header('Prefer')?.split(',') ?? []) {
    const [, quoted, bare] = WAIT.exec(preference) ?? [];
    const seconds = quoted ?? bare;
    if (seconds !== undefined) return Number(seconds);
  }
  return undefined;
}
