import { type Exchange, MOST_EXCHANGES, type News } from './exchange.js';

/** What has gone by, and who watches. */
export interface ExchangeLog {
  /** Adds an exchange, or replaces the one with its `id`. */
  put(exchange: Exchange): void;
  clear(): void;
  readonly tampering: boolean;
  setTampering(on: boolean): void;
  /** Server-sent events: all there is, then what comes. */
  stream(): Response;
  /** Ends all streams. */
  close(): void;
}

/** Makes the log of one server. */
export function createExchangeLog(): ExchangeLog {
  const exchanges = new Map<number, Exchange>();
  const watchers = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const encoder = new TextEncoder();
  let tampering = false;

  const event = (news: News): Uint8Array => encoder.encode(`data: ${JSON.stringify(news)}\n\n`);
  const all = (): News => ({ type: 'all', exchanges: [...exchanges.values()], tampering });
  function tell(news: News): void {
    const bytes = event(news);
    for (const watcher of watchers) watcher.enqueue(bytes);
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
      let mine: ReadableStreamDefaultController<Uint8Array>;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          mine = controller;
          watchers.add(mine);
          mine.enqueue(event(all()));
        },
        cancel: () => void watchers.delete(mine),
      });
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } });
    },
    close() {
      for (const watcher of watchers) watcher.close();
      watchers.clear();
    },
  };
}
