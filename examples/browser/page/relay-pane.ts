import { type Exchange, type LogEvent, MAXIMUM_EXCHANGES, type RecordedMessage } from '../exchange-log.js';
import { createElement, createView, type View } from './view.js';

/** Characters of ciphertext that the pane shows. */
const MAXIMUM_CIPHERTEXT = 160;

/** Every request as the relay saw it, and a switch that tampers with messages. */
export function createRelayPane(): HTMLElement {
  /** By exchange id, the oldest first. */
  const rows = new Map<number, View>();
  const { element, find, update } = createView('relay', {
    clear() {
      void fetch('/demo/exchanges', { method: 'DELETE' });
      list.focus(); // The button disappears.
    },
  });
  const list = find('.exchanges');
  const tampering = find<HTMLInputElement>('.switch input');
  list.tabIndex = 0;
  tampering.role = 'switch';
  tampering.addEventListener('change', () => {
    void fetch('/demo/tampering', { method: tampering.checked ? 'PUT' : 'DELETE' });
  });

  function remove(id: number): void {
    rows.get(id)?.element.remove();
    rows.delete(id);
  }
  function show(exchange: Exchange): void {
    const row = rows.get(exchange.id) ?? createView('exchange');
    if (!rows.has(exchange.id)) list.prepend(row.element);
    rows.set(exchange.id, row);
    updateRow(row, exchange);
    const [oldest] = rows.keys();
    if (rows.size > MAXIMUM_EXCHANGES && oldest !== undefined) remove(oldest);
  }
  function receive(event: LogEvent): void {
    if (event.type !== 'exchange') tampering.checked = event.tampering;
    if (event.type === 'exchange') show(event.exchange);
    if (event.type === 'all') {
      // Open rows stay open.
      const ids = new Set(event.exchanges.map((exchange) => exchange.id));
      for (const id of [...rows.keys()]) if (!ids.has(id)) remove(id);
      for (const exchange of event.exchanges) show(exchange);
    }
    const count = rows.size === 1 ? '1 request' : `${rows.size} requests`;
    update({ isEmpty: rows.size === 0, hasRows: rows.size > 0, count: rows.size ? `${count}, the latest first` : '' });
  }

  receiveWhileVisible('/demo/events', (data) => receive(JSON.parse(data)));
  return element;
}

/** A browser opens six connections per host over HTTP/1.1, and the phones in other tabs need some of them. */
function receiveWhileVisible(url: string, onData: (data: string) => void): void {
  let source: EventSource | undefined;
  function onVisibilityChange(): void {
    if (document.hidden === (source === undefined)) return;
    source?.close();
    source = document.hidden ? undefined : new EventSource(url);
    source?.addEventListener('message', ({ data }) => onData(data));
  }
  document.addEventListener('visibilitychange', onVisibilityChange);
  onVisibilityChange();
}

function updateRow({ element, find, update }: View, exchange: Exchange): void {
  const { status, method, path, operation, request, answer } = exchange;
  element.className = toTone(exchange);
  update({
    status: status === undefined ? '···' : String(status || '–'),
    line: `${method} ${path}`,
    note: toNote(exchange),
  });
  // The browser can break the name before each word.
  const words = operation.split(/(?=[A-Z])/).flatMap((word) => [createElement('wbr', ''), word]);
  find('.operation').replaceChildren(...words);
  find('.halves').replaceChildren(
    createHalf('Request', request),
    ...(answer === undefined ? [] : [createHalf('Answer', answer)]),
  );
}

function toTone({ status, tampered }: Exchange): string {
  if (tampered) return 'tampered';
  if (status === undefined) return 'held';
  if (status === 0) return 'left';
  return status < 300 ? 'good' : 'refused';
}

/** A Device Claim names a device within one share. */
function toNote({ status, ms, tampered, request }: Exchange): string {
  if (tampered) return 'changed on its way';
  const claim = request.headers.find(([name]) => name === 'Mailbox-Device-Claim')?.[1].slice(0, 4);
  const time = status === undefined ? 'held' : status === 0 ? 'the device went away' : `${ms} ms`;
  return `${claim === undefined ? 'no claim' : `claim ${claim}…`} · ${time}`;
}

function createHalf(title: string, { headers, body }: RecordedMessage): HTMLElement {
  const fields = headers.flatMap(([name, value]) => [
    createElement('dt', 'soft', name),
    createElement('dd', '', value),
  ]);
  return createElement(
    'section',
    '',
    createElement('h3', '', title),
    createElement('dl', '', ...fields),
    body === '' ? createElement('p', 'soft', 'No body') : createBody(body),
  );
}

/** The JSON text with its ciphertext marked. */
function createBody(body: string): HTMLElement {
  let text = body;
  try {
    text = JSON.stringify(JSON.parse(body), null, 2);
  } catch {}
  const [, before = text, data = '', after = ''] = /^(.*"data": ")([^"]*)(".*)$/s.exec(text) ?? [];
  const shown = data.length > MAXIMUM_CIPHERTEXT ? `${data.slice(0, MAXIMUM_CIPHERTEXT)}…` : data;
  const element = createElement('pre', '', before, ...(data === '' ? [] : [createElement('mark', '', shown)]), after);
  return Object.assign(element, { tabIndex: 0, ariaLabel: 'Body' });
}
