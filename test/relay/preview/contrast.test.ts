import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageOf, textOf } from '../../support/preview/page.js';

/* WCAG 2.2 §1.4.3: every text has a contrast of at least 4.5:1 with its background, with every brand colour. */

type Rgb = readonly [number, number, number];

const rgb = (hex: string): Rgb => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Rgb, other: Rgb): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((left, right) => left - right);
  return (high + 0.05) / (low + 0.05);
}

const between = (from: Rgb, to: Rgb, share: number): Rgb =>
  from.map((channel, at) => channel + ((to[at] ?? 0) - channel) * share) as unknown as Rgb;

/** The rules of a sheet for one colour scheme: the variables in effect, and the declarations of the card. */
async function sheetFor(
  color?: string,
): Promise<{ style: string; light: Map<string, string>; dark: Map<string, string> }> {
  const { page } = await pageOf(color === undefined ? {} : { color });
  const style = textOf(page, 'style');
  const [first = '', second = ''] = [...style.matchAll(/:root\{([^}]*)\}/g)].map(([, body]) => body ?? '');
  const variables = (body: string): Array<[string, string]> =>
    [...body.matchAll(/--(\w+):(#[0-9a-f]+)/g)].map(([, name = '', value = '']) => [name, value]);
  const light = new Map(variables(first));
  return { style, light, dark: new Map([...light, ...variables(second)]) };
}

/** The layers of the card from the bottom: the two ends of the gradient, and veils of eight-digit colours. */
function cardOf(style: string): { ends: Rgb[]; veils: Array<{ color: Rgb; alpha: number }> } {
  const card = /\.card\{([^}]*)\}/.exec(style)?.[1] ?? '';
  const [, from = '', to = ''] = /linear-gradient\(150deg,(#[0-9a-f]{6}) 30%,(#[0-9a-f]{6})\)/.exec(card) ?? [];
  const veils = [...card.matchAll(/radial-gradient\([^#]*(#[0-9a-f]{8})/g)].map(([, veil = '']) => ({
    color: rgb(veil),
    alpha: Number.parseInt(veil.slice(7), 16) / 255,
  }));
  return { ends: [rgb(from), rgb(to)], veils };
}

const AT_LEAST = 4.5;

describe('the contrast', () => {
  test('is sufficient for texts on the card and on buttons, with any colour', async () => {
    const color = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`);
    // The contrast is lowest where black and white are about equal.
    const close = fc.integer({ min: 110, max: 125 }).map((grey) => `#${grey.toString(16).repeat(3)}`);
    await fc.assert(
      fc.asyncProperty(fc.oneof(color, close), async (brand) => {
        const { style, light, dark } = await sheetFor(brand);
        for (const variables of [light, dark]) {
          expect(variables.get('brand')).toBe(brand);
          const ink = rgb(variables.get('ink') ?? '');
          expect(contrast(ink, rgb(brand))).toBeGreaterThanOrEqual(AT_LEAST);
          const { ends, veils } = cardOf(style);
          const [from = ink, to = ink] = ends;
          expect([from, veils.length]).toEqual([rgb(brand), 2]);
          for (let share = 0; share <= 1; share += 0.125) {
            let painted = between(from, to, share);
            expect(contrast(ink, painted)).toBeGreaterThanOrEqual(AT_LEAST);
            for (const veil of veils) {
              painted = between(painted, veil.color, veil.alpha);
              expect(contrast(ink, painted)).toBeGreaterThanOrEqual(AT_LEAST);
            }
          }
        }
      }),
      { numRuns: 400, examples: [['#000000'], ['#ffffff'], ['#767676'], ['#777777'], ['#ff0000'], ['#ffd400']] },
    );
  });

  test('is sufficient for the default colours, in light and dark', async () => {
    const { light, dark } = await sheetFor();
    for (const variables of [light, dark]) {
      const [page, panel, text, soft] = ['page', 'panel', 'text', 'soft'].map((name) => rgb(variables.get(name) ?? ''));
      for (const [front, behind] of [
        [text, panel],
        [soft, panel],
        [text, page],
      ]) {
        expect(contrast(front ?? [0, 0, 0], behind ?? [0, 0, 0])).toBeGreaterThanOrEqual(7);
      }
    }
    expect(light.get('panel')).not.toBe(dark.get('panel'));
  });

  test('holds for all texts: no text is transparent, and the page uses only the checked colours', async () => {
    const { style } = await sheetFor();
    expect([...style.matchAll(/[;{]color:([^;}]+)/g)].map(([, value]) => value)).toEqual(
      expect.arrayContaining(['var(--text)', 'var(--ink)', 'var(--soft)']),
    );
    for (const [, value] of style.matchAll(/[;{]color:([^;}]+)/g)) expect(value).toMatch(/^var\(--(text|ink|soft)\)$/);
    // The only opacity is the start of the one animation, which a reader with reduced motion does not see.
    expect(style.match(/opacity/g)).toHaveLength(1);
    expect(style).toContain('@media (prefers-reduced-motion:no-preference){.card{animation:');
    expect(style.match(/animation|transition/g)).toHaveLength(1);
  });
});
