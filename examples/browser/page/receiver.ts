import { parseShareUrl } from 'credential-relay/client';
import { cardOf } from './card.js';
import { createChat } from './chat.js';
import { button, h, newId, show, write } from './dom.js';
import { KEYS, kindOf } from './keys.js';
import { createPhone, heading, screenOf } from './phone.js';
import { createReceiverSession, type ReceiverState } from './receiver-session.js';

const OTHER = 'Ada';

/** What a receiver's phone is for the page. */
export interface ReceiverPhone {
  readonly element: HTMLElement;
  /** A text message has come. */
  receive(link: string): void;
}

/** A receiver's phone; `name` tells what it keeps from what others do. */
export function receiverPhone(name: string, owner: string, role: string): ReceiverPhone {
  const session = createReceiverSession(name, () => update());
  const inbox = inboxOf((link) => void session.look(link));

  const previewCard = h('div', { class: 'card-place' });
  const description = h('p');
  const accept = button('Accept', () => void session.accept(), 'primary');
  const preview = screenOf(
    heading(`${OTHER} shares a key`),
    h('div', { class: 'panel preview' }, previewCard, description),
    h('p', { class: 'hint' }, 'When you accept, the link works on this phone alone.'),
    accept,
    button('Not now', session.reset),
  );

  const number = h('output', { class: 'number' });
  const waiting = h(
    'div',
    { class: 'panel request' },
    h('p', {}, `${OTHER} sees this number too, and asks whether it is yours:`),
    number,
  );
  const pending = h('div', { class: 'card-place pending' });
  const card = h('div', { class: 'card-place arrival' });
  const chat = createChat(OTHER, (text) => void session.say(text));
  const finish = button('Done: close the mailbox', () => void session.finish(), 'primary');
  const relinquish = button('Not for this phone', () => void session.relinquish(), 'danger');
  const back = button('Back to messages', session.reset, 'primary');
  const talkTitle = heading('');
  const talk = screenOf(talkTitle, pending, card, waiting, chat.element, finish, relinquish, back);

  const phone = createPhone(owner, role, { inbox: inbox.element, preview, talk }, () => void session.accept());

  function update(): void {
    const { state, problem, connection, isBusy } = session;
    const { link, display, transfer, kind, key } = state;
    const isEnded = transfer?.ended !== undefined;
    const hasKey = key !== undefined && kind !== undefined;
    inbox.update(state);
    if (link !== undefined && display !== undefined) {
      // All that is known before this phone is bound.
      const face = { issuer: `From ${OTHER}`, title: display.title, detail: '', validity: '' };
      for (const place of [previewCard, pending]) {
        draw(place, link, () => cardOf(kindOf(parseShareUrl(link).vertical), face));
      }
    }
    show(pending, !hasKey);
    pending.classList.toggle('void', isEnded);
    write(description, display?.description ?? '');
    if (hasKey) draw(card, kind, () => cardOf(kind));
    show(card, hasKey);
    write(talkTitle, hasKey ? KEYS[kind].title : `A key from ${OTHER}`);
    write(number, state.number ?? '');
    show(waiting, !hasKey && !isEnded && state.number !== undefined);
    chat.update(state.lines, !isEnded && state.number !== undefined);
    show(finish, hasKey && !isEnded);
    show(relinquish, !hasKey && !isEnded);
    show(back, isEnded);
    phone.turnTo(screenFor(state));
    phone.tell(connection || newsOf(state));
    phone.warn(problem);
    phone.busy(isBusy);
  }

  update();
  return { element: phone.element, receive: session.receive };
}

function screenFor({ link, transfer }: ReceiverState): string {
  if (link === undefined) return 'inbox';
  return transfer?.bound || transfer?.ended !== undefined ? 'talk' : 'preview';
}

function newsOf({ messages, link, transfer, number, key }: ReceiverState): string {
  if (link === undefined) return messages.length === 0 ? 'No messages yet.' : `A message from ${OTHER}.`;
  switch (transfer?.ended) {
    case 'finished':
      return 'The key is yours. The mailbox is gone.';
    case 'relinquished':
      return 'You have given your place back. Another phone can open the link.';
    case 'expired':
      return 'The time is over, and the mailbox is gone.';
    case undefined:
      break;
    default:
      return key === undefined
        ? `${OTHER} has withdrawn the key.`
        : `The key is yours. ${OTHER} has closed the mailbox.`;
  }
  if (transfer?.bound !== true) return 'You have only looked so far.';
  if (key !== undefined) return 'The key is here.';
  return number === undefined
    ? `Bound to this phone. Waiting for ${OTHER}.`
    : `Waiting for ${OTHER} to hand over the key.`;
}

/** Draws a card where another one was, or none. */
function draw(place: HTMLElement, what: string, make: () => HTMLElement): void {
  if (place.dataset.what === what) return;
  place.dataset.what = what;
  place.replaceChildren(make());
}

/** The text messages, a field for a link that came another way, and the keys of before. */
function inboxOf(onOpen: (link: string) => void) {
  const id = newId();
  const list = h('ul', { class: 'inbox' });
  const empty = h('p', { class: 'hint' }, `When ${OTHER} texts a link, it appears here.`);
  const input = h('input', { id, autocomplete: 'off', spellcheck: 'false', inputmode: 'url' });
  const form = h(
    'form',
    {
      class: 'paste',
      onsubmit(event) {
        event.preventDefault();
        onOpen(input.value);
        input.value = '';
      },
    },
    h('label', { for: id }, 'Or paste a link'),
    h('div', { class: 'field' }, input, h('button', { class: 'plain' }, 'Open')),
  );
  const keys = h('div', { class: 'wallet' });
  const walletPart = h('section', {}, h('h4', {}, 'Your keys'), keys);
  const element = screenOf(heading('Messages'), empty, list, form, walletPart);
  let shown: ReceiverState | undefined;
  return {
    element,
    update(state: ReceiverState) {
      show(empty, state.messages.length === 0);
      show(list, state.messages.length > 0);
      show(walletPart, state.wallet.length > 0);
      if (state.messages !== shown?.messages) list.replaceChildren(...state.messages.map(messageOf(onOpen)));
      if (state.wallet !== shown?.wallet) keys.replaceChildren(...state.wallet.map((kind) => cardOf(kind)));
      shown = state;
    },
  };
}

const messageOf =
  (onOpen: (link: string) => void) =>
  (link: string): HTMLElement => {
    const { mailboxUrl } = parseShareUrl(link);
    return h(
      'li',
      { class: 'message' },
      h('p', {}, h('strong', {}, OTHER), ' For you! Open it on your phone:'),
      h('p', { class: 'url' }, `${mailboxUrl.replace(/^https?:\/\//, '').slice(0, 36)}…`),
      button('Open the link', () => onOpen(link), 'primary'),
    );
  };
