import { type Exchange, MOST_EXCHANGES, type News } from '../exchange.js';
import { button, h, newId, show, write } from './dom.js';
import { createRow, type Row } from './exchange-row.js';

/** What the relay saw: each exchange as it comes, and the switch that makes the way unsafe. */
export function relayPane(): HTMLElement {
  const id = newId();
  /** By the exchanges' ids, from the oldest on. */
  const rows = new Map<number, Row>();
  const list = h('ol', { class: 'exchanges', tabindex: '0', 'aria-label': 'Requests, the latest first' });
  const empty = h('p', { class: 'hint' }, 'Nothing yet. Share a key, and each request appears here.');
  const count = h('p', { class: 'count' });
  const tampering = h('input', {
    type: 'checkbox',
    role: 'switch',
    onchange: () => void fetch('/demo/tampering', { method: tampering.checked ? 'PUT' : 'DELETE' }),
  });
  const clear = button('Clear', () => {
    void fetch('/demo/exchanges', { method: 'DELETE' });
    list.focus(); // The button goes with the list.
  });

  function put(exchange: Exchange): void {
    const row = rows.get(exchange.id) ?? createRow();
    if (!rows.has(exchange.id)) list.prepend(row.element);
    rows.set(exchange.id, row);
    row.update(exchange);
    for (const oldest of rows.keys()) {
      if (rows.size <= MOST_EXCHANGES) break;
      remove(oldest);
    }
  }

  function remove(id: number): void {
    rows.get(id)?.element.remove();
    rows.delete(id);
  }

  function hear(news: News): void {
    if (news.type === 'tampering') tampering.checked = news.on;
    if (news.type === 'exchange') put(news.exchange);
    if (news.type === 'all') {
      tampering.checked = news.tampering;
      // Rows that stay are the same elements: those that were opened stay open.
      const ids = new Set(news.exchanges.map((exchange) => exchange.id));
      for (const id of [...rows.keys()]) if (!ids.has(id)) remove(id);
      for (const exchange of news.exchanges) put(exchange);
    }
    show(empty, rows.size === 0);
    show(clear, rows.size > 0);
    write(count, rows.size === 0 ? '' : `${rows.size} ${rows.size === 1 ? 'request' : 'requests'}, the latest first`);
  }

  listenWhileSeen('/demo/events', (data) => hear(JSON.parse(data) as News));
  return h(
    'section',
    { class: 'relay', 'aria-labelledby': id },
    h('header', { class: 'relay-top' }, h('h2', { id }, 'What the relay saw'), clear),
    h(
      'p',
      { class: 'lead' },
      'The title, the description and ',
      h('mark', {}, 'sealed bytes'),
      '. The secret that opens them is behind the # of the link, and never came by.',
    ),
    h(
      'label',
      { class: 'switch' },
      tampering,
      h('span', {}, h('strong', {}, 'Tamper'), ' Change one byte on the way to the receiver'),
    ),
    count,
    empty,
    list,
  );
}

/** Listens while somebody looks: browsers open six connections to a host, and phones in other tabs need theirs. */
function listenWhileSeen(url: string, hear: (data: string) => void): void {
  let source: EventSource | undefined;
  function turn(): void {
    if (document.hidden === (source === undefined)) return;
    source?.close();
    source = document.hidden ? undefined : new EventSource(url);
    source?.addEventListener('message', ({ data }) => hear(data));
  }
  document.addEventListener('visibilitychange', turn);
  turn();
}
