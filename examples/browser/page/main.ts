import { createReceiverPhone } from './receiver-phone.js';
import { createRelayPane } from './relay-pane.js';
import { createSenderPhone } from './sender-phone.js';
import { createView } from './view.js';

/** Text messages between the phones in one browser. */
const textMessages = new BroadcastChannel('text-messages');

const createSender = (): HTMLElement =>
  createSenderPhone(`${location.origin}/relay`, (link) => textMessages.postMessage(link));

function createReceiver(name: string, owner: string, role: string): HTMLElement {
  const phone = createReceiverPhone(name, owner, role);
  // Each phone has a channel: a channel does not receive its own messages.
  new BroadcastChannel('text-messages').addEventListener('message', ({ data }) => phone.addLink(String(data)));
  return phone.element;
}

const createBen = (): HTMLElement => createReceiver('receiver', 'Ben', 'receiver');
const createCleo = (): HTMLElement => createReceiver('third', 'Cleo', 'also has the link');

/** WAI-ARIA Authoring Practices: tabs with automatic activation. */
function createTabs(...panels: readonly HTMLElement[]): HTMLElement {
  const { element } = createView('tabs');
  const tabs = [...element.querySelectorAll<HTMLElement>('[role="tab"]')];
  const holders = [...element.querySelectorAll<HTMLElement>('[role="tabpanel"]')];
  function select(selected: number): void {
    tabs.forEach((tab, index) => {
      tab.ariaSelected = String(index === selected);
      tab.tabIndex = index === selected ? 0 : -1;
    });
    holders.forEach((holder, index) => {
      holder.hidden = index !== selected;
    });
  }
  panels.forEach((panel, index) => {
    holders[index]?.append(panel);
    tabs[index]?.addEventListener('click', () => select(index));
    tabs[index]?.addEventListener('keydown', ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step === undefined) return;
      const next = (index + step + tabs.length) % tabs.length;
      select(next);
      tabs[next]?.focus();
    });
  });
  select(0);
  return element;
}

const PAGES: Readonly<Record<string, () => HTMLElement>> = {
  '/sender': createSender,
  '/receiver': createBen,
  '/third': createCleo,
  '/watch': createRelayPane,
};

const createPage = PAGES[location.pathname.replace(/(.)\/$/, '$1')];
document.body.className = createPage === undefined ? 'stage' : 'single';
const parts =
  createPage === undefined
    ? [createSender(), createTabs(createBen(), createCleo()), createRelayPane()]
    : [createPage()];
document.querySelector('main')?.append(...parts);
