import { h, newId, show } from './dom.js';
import { type Line, LONGEST_LINE } from './talk.js';

/** The messages of two people, and a field to write one. */
export interface Chat {
  readonly element: HTMLElement;
  /** Shows these lines; with `isOpen` one can be added. */
  update(lines: readonly Line[], isOpen: boolean): void;
}

/** Makes the chat of one phone. */
export function createChat(other: string, onSay: (text: string) => void): Chat {
  const id = newId();
  const list = h('ul');
  const log = h('div', { class: 'lines', role: 'log', 'aria-label': `Messages with ${other}`, tabindex: '0' }, list);
  const input = h('input', { id, maxlength: String(LONGEST_LINE), autocomplete: 'off', enterkeyhint: 'send' });
  const form = h(
    'form',
    {
      class: 'say',
      onsubmit(event) {
        event.preventDefault();
        const text = input.value.trim();
        input.value = '';
        if (text !== '') onSay(text);
      },
    },
    h('label', { for: id }, `Message to ${other}`),
    h('div', { class: 'field' }, input, h('button', { class: 'primary' }, 'Send')),
  );
  let shown: readonly Line[] = [];

  const element = h('div', { class: 'chat' }, log, form);
  return {
    element,
    update(lines, isOpen) {
      show(form, isOpen);
      show(log, lines.length > 0);
      show(element, isOpen || lines.length > 0);
      if (lines === shown) return;
      // Only what is new is added: it is read out. The oldest lines go in time.
      const gone = lines[0] === undefined ? -1 : shown.indexOf(lines[0]);
      const stay = gone < 0 ? 0 : shown.length - gone;
      [...list.children].slice(0, list.childElementCount - stay).map((bubble) => bubble.remove());
      list.append(...lines.slice(stay).map(bubbleOf(other)));
      log.scrollTop = log.scrollHeight;
      shown = lines;
    },
  };
}

const bubbleOf =
  (other: string) =>
  ({ by, text }: Line): HTMLElement =>
    h('li', { class: by }, h('span', { class: 'unseen' }, by === 'me' ? 'You: ' : `${other}: `), text);
