/** A colour as `#rrggbb`, in lower case. */
export type HexColor = `#${string}`;

type Channels = readonly [red: number, green: number, blue: number];

const BLACK: HexColor = '#000000';
const WHITE: HexColor = '#ffffff';

/** Share of black or white at the end of the gradient of the card. */
const DEPTH = 0.3;

/** The colours of the card and of buttons. */
export interface Palette {
  readonly brand: HexColor;
  /** Colour of texts on the gradient from `brand` to `gradientEnd`. */
  readonly textColor: HexColor;
  readonly gradientEnd: HexColor;
  /** A translucent colour for the pattern on the card. */
  readonly patternColor: string;
}

/**
 * The colours for a brand colour. Black or white has a contrast of at least 4.5:1 with any colour (WCAG 2.2 §1.4.3), so
 * the text has the colour with the higher contrast. The gradient leads away from the text colour, and adds contrast.
 */
export function createPalette(brand: HexColor): Palette {
  const light = computeContrastRatio(brand, BLACK) >= computeContrastRatio(brand, WHITE);
  const [textColor, away] = light ? [BLACK, WHITE] : [WHITE, BLACK];
  return { brand, textColor, gradientEnd: mix(brand, away, DEPTH), patternColor: `${away}1f` };
}

/** The contrast ratio of two colours, 1 to 21 (WCAG 2.2, definition of contrast ratio). */
function computeContrastRatio(one: HexColor, other: HexColor): number {
  const [darker = 0, lighter = 0] = [computeLuminance(one), computeLuminance(other)].sort(
    (left, right) => left - right,
  );
  return (lighter + 0.05) / (darker + 0.05);
}

/** Relative luminance, 0 for black to 1 for white (WCAG 2.2, definition of relative luminance). */
function computeLuminance(color: HexColor): number {
  const linear = (channel: number): number => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const [red, green, blue] = parseChannels(color);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function mix(from: HexColor, to: HexColor, share: number): HexColor {
  const target = parseChannels(to);
  const mixed = parseChannels(from).map((channel, at) => Math.round(channel + ((target[at] ?? 0) - channel) * share));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

function parseChannels(color: HexColor): Channels {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}
