import { h, svg } from './dom.js';
import { type Face, KEYS } from './keys.js';
import type { KeyKind } from './words.js';

/** What is drawn on each card: paths in a field of 120 by 60. */
const DRAWINGS: Readonly<Record<KeyKind, readonly string[]>> = {
  // A hotel among two trees.
  room: [
    'M34 56V10h52v46M28 56h64M60 10V3h9l-2 2.5 2 2.5h-9',
    'M43 19h8M69 19h8M43 30h8M69 30h8M43 41h8M69 41h8M56 19h8M56 30h8M55 56V42h10v14',
    'M16 56V44M16 44a8 9 0 1 1 .1 0M104 56V44M104 44a8 9 0 1 1 .1 0',
  ],
  // A house with a door that is ajar.
  door: [
    'M20 30 60 6l40 24M28 26v30h64V26M84 19V8h-8v6',
    'M51 56V34h18v22M51 34l11 5v21l-11-4M59 48v2',
    'M35 36h9v9h-9zM76 36h9v9h-9z',
  ],
  // A car from the side.
  car: [
    'M7 45V35q0-4 5-5l16-3 14-12q3-3 8-3h19q6 0 10 4l11 11 15 4q7 2 7 8v6H101M85 45H43M25 45H7',
    'M34 27l11-9q2-2 5-2h8v11zM63 16h6q4 0 7 3l8 8H63z',
    'M34 54a9 9 0 1 1 .1 0M34 49a4 4 0 1 1 .1 0M93 54a9 9 0 1 1 .1 0M93 49a4 4 0 1 1 .1 0',
    'M61 33h5M8 37h5M107 38h5',
  ],
};

/** The mark of contactless cards. */
const WAVES = 'M6 9a6 6 0 0 1 0 6M10 6.5a11 11 0 0 1 0 11M14 4a16 16 0 0 1 0 16';

/** A card, to look at; as a rule with the face of its kind. The texts are in it, so it can be the label of something. */
export function cardOf(kind: KeyKind, { issuer, title, detail, validity }: Face = KEYS[kind]): HTMLElement {
  return h(
    'span',
    { class: `card ${kind}` },
    h('span', { class: 'card-issuer' }, issuer),
    svg('svg', { viewBox: '0 0 24 24', class: 'card-waves', 'aria-hidden': 'true' }, svg('path', { d: WAVES })),
    svg(
      'svg',
      { viewBox: '0 0 120 60', class: 'card-drawing', 'aria-hidden': 'true' },
      ...DRAWINGS[kind].map((d) => svg('path', { d })),
    ),
    h('span', { class: 'card-title' }, title),
    h('span', { class: 'card-detail' }, h('span', {}, detail), h('span', {}, validity)),
  );
}
