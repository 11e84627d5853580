/** A request or an answer, as far as it is shown. */
export interface Half {
  /** Headers of the protocol, names as they are written in the drafts. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** JSON text; or what else there was, in words; empty for nothing. */
  readonly body: string;
}

/** One request to the relay and its answer, as the relay saw them. Identifiers are shortened. */
export interface Exchange {
  readonly id: number;
  readonly method: string;
  /** Below the relay's mount point. */
  readonly path: string;
  /** The endpoint's name in the drafts. */
  readonly operation: string;
  readonly request: Half;
  /** `undefined` while the relay holds the request; 0 if whoever asked went away before there was an answer. */
  readonly status?: number | undefined;
  readonly ms?: number | undefined;
  readonly answer?: Half | undefined;
  /** The payload of the answer was changed on its way. */
  readonly tampered?: boolean | undefined;
}

/** Exchanges that are kept and shown. */
export const MOST_EXCHANGES = 200;

/** What the server tells the pages. */
export type News =
  | { readonly type: 'all'; readonly exchanges: readonly Exchange[]; readonly tampering: boolean }
  | { readonly type: 'exchange'; readonly exchange: Exchange }
  | { readonly type: 'tampering'; readonly on: boolean };
