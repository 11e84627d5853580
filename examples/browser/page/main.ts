import { h } from './dom.js';
import { receiverPhone } from './receiver.js';
import { relayPane } from './relay-pane.js';
import { senderPhone } from './sender.js';
import { tabsOf } from './tabs.js';
import { createTextMessages } from './text-messages.js';

const RELAY = `${location.origin}/relay`;

const sender = (): HTMLElement =>
  senderPhone(
    RELAY,
    createTextMessages(() => {}),
  );

/** A receiver's phone, which hears of links that are sent in this browser. */
function receiver(name: string, owner: string, role: string): HTMLElement {
  const phone = receiverPhone(name, owner, role);
  createTextMessages(phone.receive);
  return phone.element;
}

const ben = (): HTMLElement => receiver('receiver', 'Ben', 'receiver');
const cleo = (): HTMLElement => receiver('third', 'Cleo', 'also has the link');

/** What each page shows, and how it is called. */
const VIEWS: Readonly<Record<string, readonly [name: string, view: () => HTMLElement]>> = {
  '/sender': ['Ada', sender],
  '/receiver': ['Ben', ben],
  '/third': ['Cleo', cleo],
  '/watch': ['Relay', relayPane],
};

function stage(): readonly HTMLElement[] {
  return [
    sender(),
    tabsOf('Phones that have the link', [
      ['Ben’s phone', ben()],
      ['Cleo’s phone', cleo()],
    ]),
    relayPane(),
  ];
}

const path = location.pathname.replace(/(.)\/$/, '$1');
const [, view] = VIEWS[path] ?? [];
document.body.className = view === undefined ? 'stage' : 'single';
document.body.append(
  h(
    'header',
    { class: 'top' },
    h('h1', {}, view === undefined ? 'Hand over a key' : h('a', { href: '/' }, 'Hand over a key')),
    h('p', {}, 'Two phones, one link, and a relay that cannot read a word.'),
    ...(view === undefined ? [ways()] : []),
  ),
  h('main', {}, ...(view === undefined ? stage() : [view()])),
);

function ways(): HTMLElement {
  const links = Object.entries(VIEWS).map(([href, [name]]) =>
    h('a', { href, target: '_blank', rel: 'noopener' }, name),
  );
  return h('nav', { 'aria-label': 'In windows of their own' }, h('span', {}, 'In windows of their own:'), ...links);
}
