import { parseShareUrl } from 'credential-relay/client';
import { cardOf } from './card.js';
import { button, h, newId, show } from './dom.js';
import { heading, screenOf } from './phone.js';
import type { ReceiverState } from './receiver-session.js';

/** The text messages, a field for a link that came another way, and the keys of before. */
export interface Inbox {
  readonly element: HTMLElement;
  update(state: ReceiverState): void;
}

/** Makes the inbox of a receiver's phone. */
export function inboxOf(other: string, onOpen: (link: string) => void): Inbox {
  const id = newId();
  const list = h('ul', { class: 'inbox' });
  const empty = h('p', { class: 'hint' }, `When ${other} texts a link, it appears here.`);
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

  const messageOf = (link: string): HTMLElement =>
    h(
      'li',
      { class: 'message' },
      h('p', {}, h('strong', {}, other), ' For you! Open it on your phone:'),
      h(
        'p',
        { class: 'url' },
        `${parseShareUrl(link)
          .mailboxUrl.replace(/^https?:\/\//, '')
          .slice(0, 36)}…`,
      ),
      button('Open the link', () => onOpen(link), 'primary'),
    );

  return {
    element,
    update(state) {
      show(empty, state.messages.length === 0);
      show(list, state.messages.length > 0);
      show(walletPart, state.wallet.length > 0);
      if (state.messages !== shown?.messages) list.replaceChildren(...state.messages.map(messageOf));
      if (state.wallet !== shown?.wallet) keys.replaceChildren(...state.wallet.map((kind) => cardOf(kind)));
      shown = state;
    },
  };
}
