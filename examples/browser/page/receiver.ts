import { parseShareUrl } from 'credential-relay/client';
import { cardOf } from './card.js';
import { createChat } from './chat.js';
import { button, disable, h, show, spaced, write } from './dom.js';
import { inboxOf } from './inbox.js';
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
  const { memory, session, ...acts } = createReceiverSession(name, () => phone.redraw(draw));
  const inbox = inboxOf(OTHER, (link) => void acts.look(link));

  const previewCard = h('div', { class: 'card-place' });
  const description = h('p', { class: 'description' });
  const hint = h('p', { class: 'hint' }, 'When you accept, the link works on this phone alone.');
  const accept = button('Accept', () => void acts.accept(), 'primary');
  const decline = button('Not now', () => void acts.decline());
  const preview = screenOf(
    heading(`${OTHER} shares a key`),
    h('div', { class: 'panel preview' }, previewCard, description),
    hint,
    accept,
    decline,
  );

  const code = h('output', { class: 'code' });
  const waiting = h(
    'div',
    { class: 'panel request' },
    h('p', {}, `Read this code to ${OTHER} when she calls. She must see the same one.`),
    code,
    h(
      'p',
      { class: 'hint' },
      'By voice only: what is written here may come from somebody else until you have compared.',
    ),
  );
  const pending = h('div', { class: 'card-place pending' });
  const card = h('div', { class: 'card-place arrival' });
  const chat = createChat(OTHER, (text) => void session.say(text));
  const finish = button('Done: close the mailbox', () => void acts.finish(), 'primary');
  const relinquish = button('Not for this phone', () => void acts.relinquish(), 'danger');
  const back = button('Back to messages', acts.reset, 'primary');
  const talkTitle = heading('');
  const talk = screenOf(talkTitle, pending, card, waiting, chat.element, finish, relinquish, back);

  const phone = createPhone(owner, role, { inbox: inbox.element, preview, talk }, () => void session.retry());

  function draw(): void {
    const { state } = memory;
    const { problem, connection, isBusy } = session;
    const { link, display, transfer, agreement, key } = state;
    const isEnded = transfer?.ended !== undefined;
    const isHere = problem?.code !== 'elsewhere';
    const isTaken = problem?.code === 'already_claimed';
    const isOpen = !isEnded && agreement?.peer !== undefined;
    inbox.update(state);
    if (link !== undefined && display !== undefined) {
      // All that is known before this phone is bound.
      const face = { issuer: `From ${OTHER}`, title: display.title, detail: '', validity: '' };
      for (const place of [previewCard, pending]) {
        put(place, link, () => cardOf(kindOf(parseShareUrl(link).vertical), face));
      }
    }
    show(pending, key === undefined);
    pending.classList.toggle('void', isEnded);
    pending.classList.toggle('small', !isEnded);
    write(description, display?.description ?? '');
    show(hint, !isTaken);
    show(accept, !isTaken);
    if (key !== undefined) put(card, key.kind, () => cardOf(key.kind));
    show(card, key !== undefined);
    write(talkTitle, key === undefined ? `A key from ${OTHER}` : KEYS[key.kind].title);
    write(code, spaced(agreement?.peer?.code));
    show(waiting, key === undefined && isOpen);
    chat.update(state.talk.lines, isOpen && isHere);
    show(finish, key !== undefined && !isEnded && isHere);
    show(relinquish, key === undefined && !isEnded && isHere);
    show(back, isEnded);
    disable([accept, decline, finish, relinquish, back], isBusy);
    phone.turnTo(screenFor(state));
    phone.tell(connection || newsOf(state, isTaken));
    phone.warn(problem);
    phone.busy(isBusy);
    phone.kept(memory.isKept);
  }

  phone.redraw(draw);
  void acts.begin();
  return { element: phone.element, receive: acts.receive };
}

function screenFor({ link, transfer }: ReceiverState): string {
  if (link === undefined) return 'inbox';
  return transfer?.bound || transfer?.ended !== undefined ? 'talk' : 'preview';
}

function newsOf({ messages, link, transfer, agreement, key }: ReceiverState, isTaken: boolean): string {
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
  if (isTaken) return 'This phone has not got the key.';
  if (transfer?.bound !== true) return transfer === undefined ? 'You have only looked so far.' : 'Not accepted yet.';
  if (key !== undefined) return 'The key is here.';
  return agreement?.peer === undefined
    ? `Bound to this phone. Waiting for ${OTHER} to call you.`
    : `Waiting for ${OTHER} to hand over the key.`;
}

/** Draws a card where another one was, or none. */
function put(place: HTMLElement, what: string, make: () => HTMLElement): void {
  if (place.dataset.what === what) return;
  place.dataset.what = what;
  place.replaceChildren(make());
}
