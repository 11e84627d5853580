import { cardOf } from './card.js';
import { h, newId } from './dom.js';
import { KEYS } from './keys.js';
import type { KeyKind } from './words.js';

/** The keys, one of which is chosen. */
export interface Wallet {
  readonly element: HTMLElement;
  /** Shows which one is; `isFixed`: no other can be chosen now. */
  update(isFixed: boolean): void;
}

/** Makes the wallet of the sender. */
export function walletOf(chosen: () => KeyKind, onChoose: (kind: KeyKind) => void): Wallet {
  const name = newId();
  const radios = (Object.keys(KEYS) as KeyKind[]).map((kind) => ({
    kind,
    input: h('input', { type: 'radio', name, value: kind, onchange: () => onChoose(kind) }),
  }));
  const choices = radios.map(({ kind, input }) => h('label', { class: 'choice' }, input, cardOf(kind)));
  const element = h('fieldset', { class: 'wallet' }, h('legend', { class: 'unseen' }, 'Key to share'), ...choices);
  return {
    element,
    update(isFixed) {
      for (const { kind, input } of radios) input.checked = kind === chosen();
      element.disabled = isFixed;
    },
  };
}
