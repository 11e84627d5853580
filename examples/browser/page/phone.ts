import { type Face, KEYS } from './keys.js';
import { type KeyKind, type Line, MAXIMUM_LINE_LENGTH } from './message.js';
import type { Session, ShareState } from './session.js';
import { type Actions, createElement, createView, type Values, type View } from './view.js';

/** The elements of a phone. */
export interface Phone {
  readonly element: HTMLElement;
  readonly find: View['find'];
  /** Shows one screen with these values, and the state that all phones have. */
  update(screen: string, values: Values): void;
}

type AnySession = Pick<
  Session<ShareState, never>,
  'state' | 'problem' | 'connection' | 'isBusy' | 'isSaved' | 'retry' | 'write'
>;

const RETRYABLE = ['tampered', 'unreachable', 'already_claimed', 'refused', 'malformed', 'elsewhere', 'unknown'];

/** Creates a phone with the screens of a template. */
export function createPhone(
  [owner, role, other]: readonly [owner: string, role: string, other: string],
  template: string,
  session: () => AnySession,
  actions: Actions,
): Phone {
  const screens = createView(template, actions);
  const frame = createView('phone', { retry: () => session().retry() }, screens.element);
  const { element, find } = frame;
  const chat = createChat(other, (text) => session().write(text));
  find('.chat-place').replaceWith(chat.element);
  element.ariaLabel = `${owner}’s phone`;

  return {
    element,
    find,
    update(screen, values) {
      const { state, problem, connection, isBusy, isSaved } = session();
      const hadFocus = element.contains(document.activeElement);
      element.ariaBusy = String(isBusy);
      for (const each of element.querySelectorAll('button[data-action]')) each.ariaDisabled = String(isBusy);
      for (const each of element.querySelectorAll<HTMLElement>('[data-screen]')) {
        each.hidden = each.dataset.screen !== screen;
      }
      screens.update(values);
      chat.update(state.chat.lines, values.canWrite === true);
      frame.update({
        owner: `${owner}’s phone`,
        role,
        news: (problem?.code !== 'unreachable' && connection) || String(values.news),
        isForgetful: !isSaved,
        hasProblem: problem !== undefined,
        problemTitle: problem?.title ?? '',
        problemText: problem?.text ?? '',
        canRetry: RETRYABLE.includes(problem?.code ?? ''),
      });
      // A hidden element loses the focus. The heading of the screen gets it.
      const focused = document.activeElement;
      if (!hadFocus || (focused !== document.body && focused?.closest('[hidden]') === null)) return;
      find(`[data-screen="${screen}"] h3`).focus({ preventScroll: true });
    },
  };
}

function createChat(other: string, onWrite: (text: string) => void) {
  const chat = createView('chat', {
    send() {
      const text = input.value.trim();
      input.value = '';
      if (text !== '') onWrite(text);
    },
  });
  const [input, log, list] = [chat.find<HTMLInputElement>('input'), chat.find('.lines'), chat.find('ul')];
  input.maxLength = MAXIMUM_LINE_LENGTH;
  log.ariaLabel = `Messages with ${other}`;
  log.tabIndex = 0;
  let shown: readonly Line[] = [];

  return {
    element: chat.element,
    update(lines: readonly Line[], canWrite: boolean): void {
      const hasLines = lines.length > 0;
      chat.update({ label: `Message to ${other}`, isShown: canWrite || hasLines, hasLines, canWrite });
      if (lines === shown) return;
      // A screen reader reads added elements only, so the other lines stay.
      const removed = lines[0] === undefined ? -1 : shown.indexOf(lines[0]);
      const remaining = removed < 0 ? 0 : shown.length - removed;
      for (const each of [...list.children].slice(0, list.childElementCount - remaining)) each.remove();
      for (const { by, text } of lines.slice(remaining)) {
        const author = createElement('span', 'unseen', by === 'me' ? 'You: ' : `${other}: `);
        list.append(createElement('li', by, author, text));
      }
      log.scrollTop = log.scrollHeight;
      shown = lines;
    },
  };
}

export function createCard(kind: KeyKind, face: Face = KEYS[kind]): HTMLElement {
  const { element, find, update } = createView('card');
  element.classList.add(kind);
  find('use').setAttribute('href', `#${kind}`);
  update({ ...face });
  return element;
}

/** Replaces the card of an element if it shows another key. */
export function showCard(place: HTMLElement, name: string, ...card: Parameters<typeof createCard>): void {
  if (place.dataset.name === name) return;
  place.dataset.name = name;
  place.replaceChildren(createCard(...card));
}

/** The six digits in two groups. */
export const toSpacedCode = (code = ''): string => code.replace(/^(\d{3})/, '$1 ');
