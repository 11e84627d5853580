import { buildShareUrl } from 'credential-relay/client';
import { encode } from 'uqr';
import { KEYS } from './keys.js';
import type { KeyKind } from './message.js';
import { createCard, createPhone, showCard, toSpacedCode } from './phone.js';
import { MAXIMUM_CODES, SenderSession, type SenderState } from './sender-session.js';
import { createElement, type View } from './view.js';

/** White modules around a QR code (ISO/IEC 18004). */
const QUIET_ZONE = 4;

/** The sender's phone. `sendLink` brings the link to the other phones of this browser. */
export function createSenderPhone(relay: string, sendLink: (link: string) => void): HTMLElement {
  const session = new SenderSession(relay, () => draw());
  let invitationStatus = '';
  function setStatus(text: string): void {
    invitationStatus = text;
    draw();
  }
  const phone = createPhone(['Ada', 'sender', 'Ben'], 'sender', () => session, {
    share: () => session.create(),
    compare: () => session.compare(),
    handOver: () => session.handOver(),
    cancel: () => session.cancel(),
    reset: () => session.reset(),
    sendLink() {
      sendLink(input.value);
      setStatus('Sent to the other phones of this browser.');
    },
    async copy() {
      input.select();
      const copied = navigator.clipboard.writeText(input.value);
      setStatus(await copied.then(() => 'Copied.').catch(() => 'Selected: copy it from here.'));
    },
  });
  const { find } = phone;
  const input = find<HTMLInputElement>('.link');
  const radios = createWallet(find('.wallet'), (kind) => session.choose(kind));

  function draw(): void {
    const { state, problem, isBusy } = session;
    const { transfer, kind, agreement, isHandedOver } = state;
    const isEnded = transfer?.ended !== undefined;
    const isBound = transfer?.bound === true && !isEnded;
    const isHere = problem?.code !== 'elsewhere';
    const hasMailbox = transfer?.mailboxUrl !== undefined;
    const peer = isBound && isHere ? agreement?.peer : undefined;
    const url = isEnded ? undefined : transfer?.mailboxUrl;
    const link = url && buildShareUrl(url, { vertical: transfer?.vertical, secret: transfer?.secret });
    for (const radio of radios) radio.checked = radio.value === kind;
    find<HTMLFieldSetElement>('.wallet').disabled = isBusy || session.isShared;
    const card = find('.card-place');
    showCard(card, kind, kind);
    card.classList.toggle('void', isEnded && !isDelivered(state));
    card.classList.toggle('small', isBound);
    if (link !== undefined && input.value !== link) {
      input.value = link;
      invitationStatus = '';
      drawQrCode(find, link);
    }
    phone.update(hasMailbox ? 'share' : 'wallet', {
      news: toNews(state, isBusy && session.share === undefined),
      title: KEYS[kind].title,
      code: toSpacedCode(peer?.code),
      invitationStatus,
      hasInvitation: link !== undefined && !isBound && isHere,
      isLocal: /^http:\/\/(127\.|localhost\b|\[::1\])/.test(link ?? ''),
      isAsked: isBound && isHere && canCompare(state),
      isCompared: peer !== undefined && !isHandedOver,
      canWrite: peer !== undefined,
      canCancel: !isEnded && isHere,
      isEnded,
    });
  }

  draw();
  void session.begin();
  return phone.element;
}

function createWallet(wallet: HTMLElement, onChoose: (kind: KeyKind) => void): HTMLInputElement[] {
  return (Object.keys(KEYS) as KeyKind[]).map((kind) => {
    const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'kind', value: kind });
    radio.addEventListener('change', () => onChoose(kind));
    wallet.append(createElement('label', 'choice', radio, createCard(kind)));
    return radio;
  });
}

/** Dark on light in both colour schemes: some readers cannot read a light code. */
function drawQrCode(find: View['find'], text: string): void {
  const { data, size } = encode(text, { border: QUIET_ZONE });
  find('.qr').setAttribute('viewBox', `0 0 ${size} ${size}`);
  const modules = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')));
  find('.qr path').setAttribute('d', modules.join(''));
}

function toNews(state: SenderState, isOpening: boolean): string {
  const { transfer, agreement, asking, isHandedOver, isPending } = state;
  if (isOpening) return 'One moment…';
  if (transfer?.mailboxUrl === undefined) return 'Which key do you share?';
  if (transfer.ended === 'cancelled') return 'You have cancelled the share. The mailbox is gone.';
  if (transfer.ended === 'expired') return 'The time is over, and the mailbox is gone.';
  if (transfer.ended !== undefined) {
    return isDelivered(state) ? 'Ben has the key. The mailbox is gone.' : 'The mailbox was deleted.';
  }
  if (!transfer.bound) return 'Waiting for the link to be opened.';
  if (isHandedOver) return isPending ? 'Handing over…' : 'Handed over. Ben ends the share when he is done.';
  if (agreement !== undefined) return agreement.peer === undefined ? 'One moment…' : 'Compare the codes.';
  if (asking === undefined) return 'A phone has opened the link.';
  if (canCompare(state)) return 'A phone has opened the link and asks for the key.';
  return 'Too many phones have had this link. Cancel the share, and make another one.';
}

/** The relay has accepted the message with the key. */
const isDelivered = ({ isHandedOver, isPending }: SenderState): boolean => isHandedOver && !isPending;

const canCompare = ({ asking, codes }: SenderState): boolean => asking !== undefined && codes < MAXIMUM_CODES;
