import { parseShareUrl } from 'credential-relay/client';
import { KEYS, toKind } from './keys.js';
import { createCard, createPhone, showCard, toSpacedCode } from './phone.js';
import { ReceiverSession, type ReceiverState } from './receiver-session.js';
import { createView } from './view.js';

export interface ReceiverPhone {
  readonly element: HTMLElement;
  /** Receives a link as a text message. */
  addLink(link: string): void;
}

/** A receiver's phone. Its state is saved under `name`. */
export function createReceiverPhone(name: string, owner: string, role: string): ReceiverPhone {
  const session = new ReceiverSession(name, () => draw());
  const phone = createPhone([owner, role, 'Ada'], 'receiver', () => session, {
    accept: () => session.accept(),
    decline: () => session.decline(),
    finish: () => session.finish(),
    relinquish: () => session.relinquish(),
    reset: () => session.reset(),
    open() {
      const input = find<HTMLInputElement>('.paste input');
      void session.preview(input.value);
      input.value = '';
    },
  });
  const { find } = phone;
  const updateInbox = createInbox(find('.inbox'), find('.wallet'), (link) => session.preview(link));

  function draw(): void {
    const { state, problem } = session;
    const { link, display, transfer, agreement, key, links, wallet } = state;
    const isEnded = transfer?.ended !== undefined;
    const isHere = problem?.code !== 'elsewhere';
    const isTaken = problem?.code === 'already_claimed';
    const hasCode = !isEnded && agreement?.peer !== undefined;
    updateInbox(state);
    if (link !== undefined && display !== undefined) {
      const face = { issuer: 'From Ada', title: display.title, detail: '', validity: '' };
      for (const place of ['.preview .card-place', '.pending']) {
        showCard(find(place), link, toKind(parseShareUrl(link).vertical), face);
      }
    }
    find('.pending').classList.toggle('void', isEnded);
    find('.pending').classList.toggle('small', !isEnded);
    if (key !== undefined) showCard(find('.arrival'), key.kind, key.kind);
    const screen = transfer?.bound || isEnded ? 'share' : 'preview';
    phone.update(link === undefined ? 'inbox' : screen, {
      news: toNews(state, isTaken),
      title: key === undefined ? 'A key from Ada' : KEYS[key.kind].title,
      description: display?.description ?? '',
      code: toSpacedCode(agreement?.peer?.code),
      isEmpty: links.length === 0,
      hasLinks: links.length > 0,
      hasKeys: wallet.length > 0,
      canAccept: !isTaken,
      hasKey: key !== undefined,
      hasNoKey: key === undefined,
      isComparing: key === undefined && hasCode,
      canWrite: hasCode && isHere,
      canFinish: key !== undefined && !isEnded && isHere,
      canRelinquish: key === undefined && !isEnded && isHere,
      isEnded,
    });
  }

  draw();
  void session.begin();
  return { element: phone.element, addLink: (link) => session.addLink(link) };
}

function createInbox(list: HTMLElement, keys: HTMLElement, onOpen: (link: string) => void) {
  let shown: ReceiverState | undefined;
  return (state: ReceiverState): void => {
    if (state.links !== shown?.links) {
      const messages = state.links.map((link) => {
        const { element, update } = createView('text-message', { open: () => onOpen(link) });
        const { host, pathname } = new URL(link);
        update({ url: `${(host + pathname).slice(0, 36)}…` });
        return element;
      });
      list.replaceChildren(...messages);
    }
    if (state.wallet !== shown?.wallet) keys.replaceChildren(...state.wallet.map((kind) => createCard(kind)));
    shown = state;
  };
}

function toNews({ links, link, transfer, agreement, key }: ReceiverState, isTaken: boolean): string {
  if (link === undefined) return links.length === 0 ? 'No messages yet.' : 'A message from Ada.';
  if (transfer?.ended === 'finished') return 'The key is yours. The mailbox is gone.';
  if (transfer?.ended === 'relinquished') return 'You have given your place back. Another phone can open the link.';
  if (transfer?.ended === 'expired') return 'The time is over, and the mailbox is gone.';
  if (transfer?.ended !== undefined) {
    return key === undefined ? 'Ada has withdrawn the key.' : 'The key is yours. Ada has closed the mailbox.';
  }
  if (isTaken) return 'This phone has not got the key.';
  if (transfer?.bound !== true) return transfer === undefined ? 'You have only looked so far.' : 'Not accepted yet.';
  if (key !== undefined) return 'The key is here.';
  return agreement?.peer === undefined
    ? 'Bound to this phone. Waiting for Ada to call you.'
    : 'Waiting for Ada to hand over the key.';
}
