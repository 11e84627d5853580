import type { Exchange, Half } from '../exchange.js';
import { h, write } from './dom.js';

/** One exchange in the list. */
export interface Row {
  readonly element: HTMLElement;
  update(exchange: Exchange): void;
}

/** Makes a row, closed. */
export function createRow(): Row {
  const status = h('span', { class: 'status' });
  const method = h('span', { class: 'method' });
  const operation = h('span', { class: 'operation' });
  const path = h('span', { class: 'path' });
  const note = h('span', { class: 'note' });
  const body = h('div', { class: 'halves' });
  const element = h(
    'li',
    {},
    h('details', {}, h('summary', {}, status, operation, h('span', { class: 'line' }, method, ' ', path), note), body),
  );
  return {
    element,
    update(exchange) {
      const { answer } = exchange;
      element.className = toneOf(exchange);
      write(status, exchange.status === undefined ? '···' : String(exchange.status || '–'));
      if (operation.textContent !== exchange.operation) operation.replaceChildren(...breakable(exchange.operation));
      write(method, exchange.method);
      write(path, exchange.path);
      write(note, noteOf(exchange));
      body.replaceChildren(half('Request', exchange.request), ...(answer ? [half('Answer', answer)] : []));
    },
  };
}

function toneOf({ status, tampered }: Exchange): string {
  if (tampered) return 'tampered';
  if (status === undefined) return 'held';
  if (status === 0) return 'left';
  return status < 300 ? 'good' : 'refused';
}

/** A name in camel case, which may be broken before each of its words. */
const breakable = (name: string): Node[] =>
  name.split(/(?=[A-Z])/).flatMap((word) => [h('wbr'), document.createTextNode(word)]);

/** Who and how long: the relay knows a device by its claim, and that is another one for each share. */
function noteOf({ status, ms, tampered, request }: Exchange): string {
  if (tampered) return 'changed on its way';
  const claim = request.headers.find(([name]) => name === 'Mailbox-Device-Claim')?.[1].slice(0, 4);
  const time = status === undefined ? 'held' : status === 0 ? 'the device went away' : `${ms} ms`;
  return `${claim === undefined ? 'no claim' : `claim ${claim}…`} · ${time}`;
}

function half(title: string, { headers, body }: Half): HTMLElement {
  const fields = headers.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);
  return h(
    'section',
    {},
    h('h3', {}, title),
    h('dl', {}, ...fields),
    ...(body === '' ? [h('p', { class: 'hint' }, 'No body')] : [bodyOf(body)]),
  );
}

/** The body as it came, with ciphertext marked, and cut where it is long. */
function bodyOf(text: string): HTMLElement {
  const pre = h('pre', { tabindex: '0', 'aria-label': 'Body' });
  const pretty = prettyOf(text);
  const [, before = pretty, data = '', after = ''] = /^(.*"data": ")([^"]*)(".*)$/s.exec(pretty) ?? [];
  if (data === '') pre.append(before);
  else pre.append(before, h('mark', {}, data.length > MOST ? `${data.slice(0, MOST)}…` : data), after);
  return pre;
}

/** Characters of ciphertext that are shown. */
const MOST = 160;

function prettyOf(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
