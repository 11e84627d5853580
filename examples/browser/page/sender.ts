import { cardOf } from './card.js';
import { createChat } from './chat.js';
import { button, h, newId, show, write } from './dom.js';
import { KEYS } from './keys.js';
import { createPhone, heading, screenOf } from './phone.js';
import { qrCode } from './qr.js';
import { createSenderSession, type SenderState } from './sender-session.js';
import type { TextMessages } from './text-messages.js';
import type { KeyKind } from './words.js';

const OTHER = 'Ben';

/** The sender's phone. */
export function senderPhone(relay: string, messages: TextMessages): HTMLElement {
  const session = createSenderSession(relay, () => update());
  const wallet = walletOf(() => session.state.kind, session.choose);

  const title = heading('');
  const card = h('div', { class: 'card-place' });
  const invitation = invitationOf((link) => messages.send(link));
  const number = h('output', { class: 'number' });
  const handOver = button('Hand over the key', () => void session.handOver(), 'primary');
  const request = h(
    'div',
    { class: 'panel request' },
    h('p', {}, `The phone that opened the link shows this number. Ask ${OTHER} what his says.`),
    number,
    handOver,
  );
  const chat = createChat(OTHER, (text) => void session.say(text));
  const cancel = button('Cancel the share', () => void session.cancel(), 'danger');
  const again = button('Share another key', session.reset, 'primary');

  const phone = createPhone(
    'Ada',
    'sender',
    {
      wallet: screenOf(
        heading('Your keys'),
        wallet.element,
        button('Share this key', () => void session.share(), 'primary'),
      ),
      share: screenOf(title, card, invitation.element, request, chat.element, cancel, again),
    },
    () => void session.retry(),
  );

  function update(): void {
    const { state, link, problem, connection, isBusy } = session;
    const { transfer, kind } = state;
    const isEnded = transfer?.ended !== undefined;
    const isBound = transfer?.bound === true && !isEnded;
    // A share that never came to be is none.
    const isShared = transfer?.mailboxUrl !== undefined;
    wallet.update();
    write(title, KEYS[kind].title);
    if (card.dataset.what !== kind) {
      card.dataset.what = kind;
      card.replaceChildren(cardOf(kind));
    }
    card.classList.toggle('void', isEnded && !state.handedOver);
    invitation.update(isEnded ? undefined : link);
    show(invitation.element, link !== undefined && !isEnded && !isBound);
    show(request, isBound && state.number !== undefined && !state.handedOver);
    write(number, state.number ?? '');
    chat.update(state.lines, isBound);
    show(cancel, !isEnded);
    show(again, isEnded);
    phone.turnTo(isShared ? 'share' : 'wallet');
    const news = isShared ? newsOf(state) : 'Which key do you share?';
    phone.tell(connection || (isShared && !isEnded && link === undefined ? 'One moment…' : news));
    phone.warn(problem);
    phone.busy(isBusy);
  }

  update();
  return phone.element;
}

function newsOf({ transfer, number, handedOver }: SenderState): string {
  switch (transfer?.ended) {
    case 'cancelled':
      return 'You have cancelled the share. The mailbox is gone.';
    case 'expired':
      return 'The time is over, and the mailbox is gone.';
    case undefined:
      break;
    default:
      return handedOver ? `${OTHER} has the key. The mailbox is gone.` : 'The mailbox was deleted.';
  }
  if (transfer?.bound !== true) return 'Waiting for the link to be opened.';
  if (handedOver) return `Handed over. ${OTHER} ends the share when he is done.`;
  return number === undefined ? 'A phone has opened the link.' : 'A phone has opened the link and asks for the key.';
}

/** The three keys, one of which is chosen. */
function walletOf(chosen: () => KeyKind, onChoose: (kind: KeyKind) => void) {
  const name = newId();
  const radios = (Object.keys(KEYS) as KeyKind[]).map((kind) => ({
    kind,
    input: h('input', { type: 'radio', name, value: kind, onchange: () => onChoose(kind) }),
  }));
  const choices = radios.map(({ kind, input }) => h('label', { class: 'choice' }, input, cardOf(kind)));
  const element = h('fieldset', { class: 'wallet' }, h('legend', { class: 'unseen' }, 'Key to share'), ...choices);
  return {
    element,
    update: () => {
      for (const { kind, input } of radios) input.checked = kind === chosen();
    },
  };
}

/** The link, to send, copy or scan. */
function invitationOf(onSend: (link: string) => void) {
  const id = newId();
  const input = h('input', { id, readonly: true, class: 'link', spellcheck: 'false' });
  const done = h('p', { class: 'done', role: 'status' });
  const code = h('div', { class: 'qr-place' });
  const send = button(
    `Text it to ${OTHER}`,
    () => {
      onSend(input.value);
      write(done, 'Sent to the other phones of this browser.');
    },
    'primary',
  );
  const copy = button('Copy the link', async () => {
    input.select();
    await navigator.clipboard.writeText(input.value).then(
      () => write(done, 'Copied.'),
      () => write(done, 'Selected: copy it from here.'),
    );
  });
  const element = h(
    'div',
    { class: 'panel invitation' },
    code,
    h('label', { for: id }, 'Link, with the secret behind #'),
    input,
    h('div', { class: 'row' }, send, copy),
    done,
  );
  return {
    element,
    update(link: string | undefined) {
      if (link === undefined || input.value === link) return;
      input.value = link;
      write(done, '');
      code.replaceChildren(qrCode(link, 'The link as a QR code'));
    },
  };
}
