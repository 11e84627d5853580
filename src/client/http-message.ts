/** One request; the client can send it any number of times. */
export interface WireRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string | undefined;
}

/** One response with its body. */
export interface WireResponse {
  readonly status: number;
  /** A header of the response; `undefined` if the header is absent, or if CORS hides it. */
  header(name: string): string | undefined;
  readonly text: string;
  /**
   * True if the relay sent the response, false for a proxy or captive portal in front of it. The relay echoes
   * Mailbox-Request-ID (docs/protocol.md §3). If CORS hides that header, the client judges by status, type and body.
   */
  readonly isFromRelay: boolean;
  /** True if the response has the Mailbox-Request-ID of the request. */
  readonly hasEcho: boolean;
}
