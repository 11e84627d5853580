import { encode } from 'uqr';
import { svg } from './dom.js';

/** White modules around the code (ISO/IEC 18004: four). */
const QUIET = 4;

/** A text as a QR code: dark on light whatever the page looks like, as some readers need that. */
export function qrCode(text: string, label: string): SVGElement {
  const { data, size } = encode(text, { border: QUIET });
  const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return svg(
    'svg',
    { viewBox: `0 0 ${size} ${size}`, class: 'qr', role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' },
    svg('path', { fill: '#ffffff', d: `M0 0h${size}v${size}H0z` }),
    svg('path', { fill: '#000000', d: dark.join('') }),
  );
}
