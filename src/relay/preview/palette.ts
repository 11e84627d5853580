/** A colour as `#rrggbb`, in lower case. */
export type HexColor = `#${string}`;

type Channels = readonly [red: number, green: number, blue: number];

const BLACK: HexColor = '#000000';
const WHITE: HexColor = '#ffffff';

/** How far the end of the card's gradient is on the way to black or white. */
const DEPTH = 0.3;

/** The colours of the card and of buttons. */
export interface Palette {
  readonly brand: HexColor;
  /** Of texts on `brand` and on everything between `brand` and `deep`. */
  readonly ink: HexColor;
  /** Where the gradient of the card ends. */
  readonly deep: HexColor;
  /** A faint colour to draw with on the card, away from `ink` like `deep`. */
  readonly veil: string;
}

/**
 * The colours that go with a brand colour. Either black or white has a contrast of at least 4.5:1 with any colour
 * (WCAG 2.2 §1.4.3), so the text is the one that reads better. The gradient leads away from it: it can only gain.
 */
export function paletteOf(brand: HexColor): Palette {
  const light = contrastOf(brand, BLACK) >= contrastOf(brand, WHITE);
  const [ink, away] = light ? [BLACK, WHITE] : [WHITE, BLACK];
  return { brand, ink, deep: mix(brand, away, DEPTH), veil: `${away}1f` };
}

/** The contrast ratio of two colours, 1 to 21 (WCAG 2.2, definition of contrast ratio). */
function contrastOf(one: HexColor, other: HexColor): number {
  const [darker = 0, lighter = 0] = [luminanceOf(one), luminanceOf(other)].sort((left, right) => left - right);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Relative luminance, 0 for black to 1 for white (WCAG 2.2, definition of relative luminance). */
function luminanceOf(color: HexColor): number {
  const linear = (channel: number): number => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const [red, green, blue] = channelsOf(color);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function mix(from: HexColor, to: HexColor, share: number): HexColor {
  const target = channelsOf(to);
  const mixed = channelsOf(from).map((channel, at) => Math.round(channel + ((target[at] ?? 0) - channel) * share));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

function channelsOf(color: HexColor): Channels {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}
