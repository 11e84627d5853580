import { type Exchange, MOST_EXCHANGES, type News } from './exchange.js';

/** The latest exchanges, and the pages that watch. */
export interface ExchangeLog {
  /** Adds an exchange, or replaces the one with its `id`. */
  put(exchange: Exchange): void;
  clear(): void;
  readonly tampering: boolean;
  setTampering(on: boolean): void;
  /** Server-sent events: all exchanges, then each new one. 503 while too many pages watch. */
  stream(): Response;
  /** Ends all streams. */
  close(): void;
}

/** Streams at a time. */
const MOST_WATCHERS = 16;
/** Bytes that wait for a page which does not read. Then its stream is ended, and the browser opens a new one. */
const MOST_UNREAD_BYTES = 16 * 1024 * 1024;

type Watcher = ReadableStreamDefaultController<Uint8Array>;

/** Makes the log of one server. */
export function createExchangeLog(): ExchangeLog {
  const exchanges = new Map<number, Exchange>();
  const watchers = new Set<Watcher>();
  const encoder = new TextEncoder();
  let tampering = false;

  const event = (news: News): Uint8Array => encoder.encode(`data: ${JSON.stringify(news)}\n\n`);
  const all = (): News => ({ type: 'all', exchanges: [...exchanges.values()], tampering });
  function tell(news: News): void {
    const bytes = event(news);
    for (const watcher of watchers) {
      if ((watcher.desiredSize ?? 0) > bytes.length) watcher.enqueue(bytes);
      else end(watcher);
    }
  }

  function end(watcher: Watcher): void {
    watchers.delete(watcher);
    watcher.close();
  }

  return {
    put(exchange) {
      // Its request was cleared away meanwhile.
      if (exchange.status !== undefined && !exchanges.has(exchange.id)) return;
      exchanges.set(exchange.id, exchange);
      const [oldest] = exchanges.keys();
      if (exchanges.size > MOST_EXCHANGES && oldest !== undefined) exchanges.delete(oldest);
      tell({ type: 'exchange', exchange });
    },
    clear() {
      exchanges.clear();
      tell(all());
    },
    get tampering() {
      return tampering;
    },
    setTampering(on) {
      tampering = on;
      tell({ type: 'tampering', on });
    },
    stream() {
      if (watchers.size >= MOST_WATCHERS) return new Response('Too many pages watch.', { status: 503 });
      let mine: Watcher;
      const body = new ReadableStream<Uint8Array>(
        {
          start(controller) {
            mine = controller;
            watchers.add(mine);
            mine.enqueue(event(all()));
          },
          cancel: () => void watchers.delete(mine),
        },
        { highWaterMark: MOST_UNREAD_BYTES, size: (bytes) => bytes?.length ?? 0 },
      );
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } });
    },
    close() {
      for (const watcher of [...watchers]) end(watcher);
    },
  };
}
