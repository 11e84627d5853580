import { cardOf } from './card.js';
import { createChat } from './chat.js';
import { button, disable, h, show, spaced, write } from './dom.js';
import { invitationOf } from './invitation.js';
import { KEYS } from './keys.js';
import { createPhone, heading, screenOf } from './phone.js';
import { createSenderSession, isShared, MOST_CODES, type SenderState } from './sender-session.js';
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
  const compare = button('Compare codes', () => void acts.compare(), 'primary');
  const request = h(
    'div',
    { class: 'panel request' },
    h('p', {}, `Is it ${OTHER}’s? Call him, so that you hear his voice. Then compare the codes on your phones.`),
    compare,
  );
  const code = h('output', { class: 'code' });
  const comparison = h(
    'div',
    { class: 'panel request' },
    h('p', {}, `Let ${OTHER} read his code aloud. Is it this one?`),
    code,
    button('Hand over the key', () => void acts.handOver(), 'primary'),
    h('p', { class: 'hint' }, 'If he has another one, or none, cancel the share: it is somebody else’s phone.'),
  );
  const chat = createChat(OTHER, (text) => void session.say(text));
  const cancel = button('Cancel the share', () => void acts.cancel(), 'danger');
  const another = button('Share another key', acts.reset, 'primary');

  const phone = createPhone(
    'Ada',
    'sender',
    {
      wallet: screenOf(heading('Your keys'), wallet.element, shareThis),
      share: screenOf(title, card, invitation.element, request, comparison, chat.element, cancel, another),
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
    const peer = isBound && isHere ? state.agreement?.peer : undefined;
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
    show(request, isBound && isHere && canCompare(state));
    show(comparison, peer !== undefined && !state.handedOver);
    write(code, spaced(peer?.code));
    chat.update(state.talk.lines, peer !== undefined);
    show(cancel, !isEnded && isHere);
    show(another, isEnded);
    disable([shareThis, compare, cancel, another], isBusy);
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
  const { transfer, agreement, asking, handedOver } = state;
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
  if (handedOver) return state.unsaid ? 'Handing over…' : `Handed over. ${OTHER} ends the share when he is done.`;
  if (agreement !== undefined) return agreement.peer === undefined ? 'One moment…' : 'Compare the codes.';
  if (asking === undefined) return 'A phone has opened the link.';
  if (!canCompare(state)) return 'Too many phones have had this link. Cancel the share, and make another one.';
  return 'A phone has opened the link and asks for the key.';
}

/** The key has been in the mailbox. */
const hasKey = ({ handedOver, unsaid }: SenderState): boolean => handedOver && !unsaid;

const canCompare = ({ asking, codes }: SenderState): boolean => asking !== undefined && codes < MOST_CODES;
