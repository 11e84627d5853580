import { button, h, newId, show, write } from './dom.js';
import type { Problem } from './problems.js';

/** A phone on the page: its frame, its screens, and the places where it tells news and problems. */
export interface Phone {
  readonly element: HTMLElement;
  /** Draws the phone anew. If what had the focus goes by that, the heading of the screen gets it: it must not be lost. */
  redraw(draw: () => void): void;
  /** Shows one screen. */
  turnTo(name: string): void;
  /** What has happened, read out by screen readers when it changes. */
  tell(news: string): void;
  /** What went wrong; `undefined` takes it away. */
  warn(problem: Problem | undefined): void;
  busy(isBusy: boolean): void;
  /** Whether what the phone knows outlives a reload; if not, it says so. */
  kept(isKept: boolean): void;
}

/** Makes a phone. `screens` begin with a heading each. `onRetry` is what a person can do about a problem. */
export function createPhone(
  owner: string,
  role: string,
  screens: Readonly<Record<string, HTMLElement>>,
  onRetry: () => void,
): Phone {
  const id = newId();
  const news = h('p', { class: 'news', role: 'status' });
  const [title, text] = [h('strong'), h('span')];
  const retry = button('Try again', onRetry);
  const problem = h('div', { class: 'problem', hidden: true }, title, text, retry);
  const alert = h('div', { role: 'alert' }, problem);
  const forgetful = h('p', { class: 'hint forgetful', hidden: true }, FORGETFUL);
  const screen = h('div', { class: 'screen' }, news, alert, forgetful, ...Object.values(screens));
  const element = h(
    'section',
    { class: 'phone', 'aria-labelledby': id },
    h('header', { class: 'phone-top' }, h('h2', { id }, `${owner}’s phone`), h('span', { class: 'role' }, role)),
    screen,
  );
  let current: string | undefined;

  return {
    element,
    redraw(draw) {
      // Before anything is hidden: browsers take the focus away at once.
      const hadFocus = screen.contains(document.activeElement);
      draw();
      if (!hadFocus || isVisible(document.activeElement)) return;
      screens[current ?? '']?.querySelector('h3')?.focus({ preventScroll: true });
    },
    turnTo(name) {
      current = name;
      for (const [key, each] of Object.entries(screens)) show(each, key === name);
    },
    tell: (text) => write(news, text),
    warn(what) {
      show(problem, what !== undefined);
      if (what === undefined) return;
      problem.dataset.code = what.code;
      write(title, what.title);
      write(text, what.text);
      show(retry, RETRYABLE.includes(what.code));
    },
    busy(isBusy) {
      element.setAttribute('aria-busy', String(isBusy));
    },
    kept: (isKept) => show(forgetful, !isKept),
  };
}

const FORGETFUL = 'This browser keeps nothing for this page: after a reload, this phone has forgotten everything.';

/** Problems that may have passed. */
const RETRYABLE = ['tampered', 'unreachable', 'already_claimed', 'refused', 'malformed', 'elsewhere', 'unknown'];

const isVisible = (element: Element | null): boolean =>
  element !== null && element !== document.body && element.closest('[hidden]') === null;

/** A screen: a heading that can be given the focus, and what is below. */
export function screenOf(heading: HTMLElement, ...children: readonly Node[]): HTMLElement {
  return h('div', { class: 'page' }, heading, ...children);
}

/** The heading of a screen. */
export const heading = (text: string): HTMLHeadingElement => h('h3', { tabindex: '-1' }, text);
