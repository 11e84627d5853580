/** A request or an answer, as the pane shows it. */
export interface RecordedMessage {
  /** The headers of the protocol. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** The start of the body. */
  readonly body: string;
}

/** One request to the relay and its answer. Identifiers are shortened. */
export interface Exchange {
  readonly id: number;
  readonly method: string;
  /** The path below the relay's mount point. */
  readonly path: string;
  /** The endpoint's name in the drafts. */
  readonly operation: string;
  readonly request: RecordedMessage;
  /** `undefined` while the relay holds the request; 0 if the client disconnected first. */
  readonly status?: number | undefined;
  readonly ms?: number | undefined;
  readonly answer?: RecordedMessage | undefined;
  readonly tampered?: boolean | undefined;
}

/** A server-sent event for the panes. */
export type LogEvent =
  | { readonly type: 'all'; readonly exchanges: readonly Exchange[]; readonly tampering: boolean }
  | { readonly type: 'exchange'; readonly exchange: Exchange }
  | { readonly type: 'tampering'; readonly tampering: boolean };

export const MAXIMUM_EXCHANGES = 200;
const MAXIMUM_STREAMS = 16;
/** Bytes that a page has not read. The log ends the stream at this limit, and the browser opens a new stream. */
const MAXIMUM_UNREAD_BYTES = 16 * 1024 * 1024;

/** The latest exchanges, and the streams of the pages that show them. */
export class ExchangeLog {
  readonly #exchanges = new Map<number, Exchange>();
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #tampering = false;

  get tampering(): boolean {
    return this.#tampering;
  }

  set tampering(tampering: boolean) {
    this.#tampering = tampering;
    this.#send({ type: 'tampering', tampering });
  }

  /** Adds an exchange, or replaces the one with its `id`. */
  put(exchange: Exchange): void {
    const isCleared = exchange.status !== undefined && !this.#exchanges.has(exchange.id);
    if (isCleared) return;
    this.#exchanges.set(exchange.id, exchange);
    const [oldest] = this.#exchanges.keys();
    if (this.#exchanges.size > MAXIMUM_EXCHANGES && oldest !== undefined) this.#exchanges.delete(oldest);
    this.#send({ type: 'exchange', exchange });
  }

  clear(): void {
    this.#exchanges.clear();
    this.#send(this.#all());
  }

  /** Sends all exchanges, then each new one. Responds with 503 if too many pages are connected. */
  stream(): Response {
    if (this.#streams.size >= MAXIMUM_STREAMS) return new Response('Too many pages are connected.', { status: 503 });
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (created) => {
          controller = created;
          this.#streams.add(controller);
          controller.enqueue(encodeEvent(this.#all()));
        },
        cancel: () => void this.#streams.delete(controller),
      },
      { highWaterMark: MAXIMUM_UNREAD_BYTES, size: (bytes) => bytes?.length ?? 0 },
    );
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } });
  }

  close(): void {
    for (const stream of this.#streams) this.#end(stream);
  }

  #all(): LogEvent {
    return { type: 'all', exchanges: [...this.#exchanges.values()], tampering: this.#tampering };
  }

  #send(event: LogEvent): void {
    const bytes = encodeEvent(event);
    for (const stream of this.#streams) {
      if ((stream.desiredSize ?? 0) > bytes.length) stream.enqueue(bytes);
      else this.#end(stream);
    }
  }

  #end(stream: ReadableStreamDefaultController<Uint8Array>): void {
    this.#streams.delete(stream);
    stream.close();
  }
}

const encodeEvent = (event: LogEvent): Uint8Array => new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`);
