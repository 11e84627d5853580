import { h, newId, show } from './dom.js';
import { type Line, LONGEST_LINE } from './words.js';

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
      const isContinued = lines.length >= shown.length && shown.every((line, at) => line.text === lines[at]?.text);
      if (!isContinued) list.replaceChildren();
      list.append(...lines.slice(list.childElementCount).map(bubble(other)));
      log.scrollTop = log.scrollHeight;
      shown = lines;
    },
  };
}

const bubble =
  (other: string) =>
  ({ by, text }: Line): HTMLElement =>
    h('li', { class: by }, h('span', { class: 'unseen' }, by === 'me' ? 'You: ' : `${other}: `), text);
