import { cardOf } from './card.js';
import { createChat } from './chat.js';
import { button, disable, h, show, write } from './dom.js';
import { invitationOf } from './invitation.js';
import { KEYS } from './keys.js';
import { createPhone, heading, screenOf } from './phone.js';
import { createSenderSession, isShared, type SenderState } from './sender-session.js';
import type { TextMessages } from './text-messages.js';
import { walletOf } from './wallet.js';

const OTHER = 'Ben';

/** The sender's phone. */
export function senderPhone(relay: string, messages: TextMessages): HTMLElement {
  const { memory, session, ...acts } = createSenderSession(relay, () => phone.redraw(draw));
  const wallet = walletOf(() => memory.state.kind, acts.choose);
  const shareThis = button('Share this key', () => void acts.share(), 'primary');

  const title = heading('');
  const card = h('div', { class: 'card-place' });
  const invitation = invitationOf(OTHER, (link) => messages.send(link));
  const number = h('output', { class: 'number' });
  const request = h(
    'div',
    { class: 'panel request' },
    h('p', {}, `The phone that opened the link shows this number. Ask ${OTHER} what his says.`),
    number,
    button('Hand over the key', () => void acts.handOver(), 'primary'),
  );
  const chat = createChat(OTHER, (text) => void session.say(text));
  const cancel = button('Cancel the share', () => void acts.cancel(), 'danger');
  const another = button('Share another key', acts.reset, 'primary');

  const phone = createPhone(
    'Ada',
    'sender',
    {
      wallet: screenOf(heading('Your keys'), wallet.element, shareThis),
      share: screenOf(title, card, invitation.element, request, chat.element, cancel, another),
    },
    () => void session.retry(),
  );

  function draw(): void {
    const { state } = memory;
    const { problem, connection, isBusy } = session;
    const { transfer, kind } = state;
    const isEnded = transfer?.ended !== undefined;
    const isBound = transfer?.bound === true && !isEnded;
    const isHere = problem?.code !== 'elsewhere';
    const isKnown = isBound && state.number !== undefined && isHere;
    const link = isEnded ? undefined : session.share?.url;
    // A share that never came to be is none.
    const hasMailbox = transfer?.mailboxUrl !== undefined;
    wallet.update(isBusy || isShared(state));
    write(title, KEYS[kind].title);
    if (card.dataset.what !== kind) {
      card.dataset.what = kind;
      card.replaceChildren(cardOf(kind));
    }
    card.classList.toggle('void', isEnded && !hasKey(state));
    card.classList.toggle('small', isBound);
    invitation.update(hasMailbox ? link : undefined);
    show(invitation.element, link !== undefined && !isBound);
    show(request, isKnown && !state.handedOver && !isAsking(state));
    write(number, state.number ?? '');
    chat.update(state.talk.lines, isKnown);
    show(cancel, !isEnded && isHere);
    show(another, isEnded);
    disable([shareThis, cancel, another], isBusy);
    phone.turnTo(hasMailbox ? 'share' : 'wallet');
    phone.tell(connection || newsOf(state, isBusy && session.share === undefined));
    phone.warn(problem);
    phone.busy(isBusy);
    phone.kept(memory.isKept);
  }

  phone.redraw(draw);
  void acts.begin();
  return phone.element;
}

function newsOf(state: SenderState, isBeginning: boolean): string {
  const { transfer, number, handedOver } = state;
  if (isBeginning) return 'One moment…';
  if (transfer?.mailboxUrl === undefined) return 'Which key do you share?';
  switch (transfer.ended) {
    case 'cancelled':
      return 'You have cancelled the share. The mailbox is gone.';
    case 'expired':
      return 'The time is over, and the mailbox is gone.';
    case undefined:
      break;
    default:
      return hasKey(state) ? `${OTHER} has the key. The mailbox is gone.` : 'The mailbox was deleted.';
  }
  if (!transfer.bound) return 'Waiting for the link to be opened.';
  if (isAsking(state)) return 'Asking whose phone it is now…';
  if (handedOver) return state.unsaid ? 'Handing over…' : `Handed over. ${OTHER} ends the share when he is done.`;
  return number === undefined ? 'A phone has opened the link.' : 'A phone has opened the link and asks for the key.';
}

/** The key has been in the mailbox. */
const hasKey = ({ handedOver, unsaid }: SenderState): boolean => handedOver && !unsaid;

/** There is something to say to the phone that was heard, but it may be another one by now. */
const isAsking = ({ unsaid, isUnsure }: SenderState): boolean => unsaid && isUnsure;
