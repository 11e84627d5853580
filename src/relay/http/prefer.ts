import type { HeaderSource } from '../request.js';

/** The members of a list. A comma in a quoted string does not separate members (RFC 9110 §5.6.1, §5.6.4). */
const PREFERENCES = /(?:[^",]|"(?:[^"\\]|\\.)*"?)+/g;

/** The preference `wait`, followed by a value, a parameter or nothing. */
const IS_WAIT = /^[ \t]*wait[ \t]*(?:[=;]|$)/i;

/** A value, bare or quoted, followed by any parameters. */
const SECONDS = /^[^=]*=[ \t]*(?:"(\d+)"|(\d+))[ \t]*(?:;|$)/;

/**
 * The seconds of `Prefer: wait=N` (RFC 7240 §4.3) without a maximum; `Infinity` for very many digits, `undefined` if
 * absent. The first of several counts (§2). A malformed preference is ignored.
 */
export function parsePreferredWait(source: HeaderSource): number | undefined {
  const field = source.header('Prefer');
  if (field === undefined) return undefined;
  const wait = field.match(PREFERENCES)?.find((preference) => IS_WAIT.test(preference));
  const [, quoted, bare] = SECONDS.exec(wait ?? '') ?? [];
  const seconds = quoted ?? bare;
  return seconds === undefined ? undefined : Number(seconds);
}
