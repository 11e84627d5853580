import type { TransferState } from '../client/index.js';

/** A state as it is in its file, with what this device adds. */
export interface StateFile {
  readonly state: TransferState;
  /** When the share ends at the latest, where its state does not say so yet; Unix time in ms. */
  readonly until: number | undefined;
  /** The process that wrote it. */
  readonly writer: number | undefined;
}

/** Seconds that relays keep a mailbox whose sender asked for nothing (PROTOCOL: expiration). */
export const USUAL_SECONDS = 172_800;

/** The name of the file of a state. */
export const nameOf = ({ role, id }: TransferState): string => `${role}-${id}.json`;

/** The text of a file. */
export function encodeState({ state, until, writer }: StateFile): string {
  return JSON.stringify({ ...state, until, writer });
}

/**
 * What the text of a file says; `undefined` for what is JSON, and not the state that belongs under this name: an other
 * version may have written that. Throws a SyntaxError for what is not JSON.
 */
export function decodeState(text: string, name: string): StateFile | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { until, writer, ...state } = value as TransferState & { until?: unknown; writer?: unknown };
  const isWhole =
    state.format === 1 &&
    nameOf(state) === name &&
    [state.claim, state.secret].every((text) => typeof text === 'string') &&
    [state.mailboxUrl, state.expiration].every((text) => text === undefined || typeof text === 'string') &&
    Array.isArray(state.seen);
  if (!isWhole) return undefined;
  const [end, pid] = [until, writer].map((number) => (typeof number === 'number' ? number : undefined));
  return { state, until: end, writer: pid };
}
