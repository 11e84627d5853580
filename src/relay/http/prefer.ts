import type { HeaderSource } from '../request.js';

/** The members of a list, each with its quoted strings whole (RFC 9110 §5.6.1, §5.6.4). */
const PREFERENCES = /(?:[^",]|"(?:[^"\\]|\\.)*"?)+/g;

/** The name of a preference; what follows it is a value or a parameter. */
const IS_WAIT = /^[ \t]*wait[ \t]*(?:[=;]|$)/i;

/** A wait with a value, bare or quoted, and whatever parameters. */
const SECONDS = /^[^=]*=[ \t]*(?:"(\d+)"|(\d+))[ \t]*(?:;|$)/;

/**
 * The seconds of a `Prefer: wait=N` (RFC 7240 §4.3), uncapped: `Infinity` for more digits than a number can hold.
 * `undefined` without one. Of several the first counts (§2), and what is malformed is ignored.
 */
export function parsePreferredWait(source: HeaderSource): number | undefined {
  const field = source.header('Prefer');
  if (field === undefined) return undefined;
  const wait = field.match(PREFERENCES)?.find((preference) => IS_WAIT.test(preference));
  const [, quoted, bare] = SECONDS.exec(wait ?? '') ?? [];
  const seconds = quoted ?? bare;
  return seconds === undefined ? undefined : Number(seconds);
}
