import type { Palette } from './palette.js';

/** Colours outside of the card, light and dark. Each text has a contrast of 7:1 or more with its background. */
const LIGHT = '--page:#eef0f5;--panel:#ffffff;--text:#16181d;--soft:#4b4f59;--line:#d8dbe4;--edge:#00000026';
const DARK = '--page:#0d0e12;--panel:#191b21;--text:#f3f4f7;--soft:#b6bac6;--line:#343741;--edge:#ffffff33';

/**
 * The style sheet of all pages. It contains no text of users. The policy allows it by its hash. The colours are
 * validated, so an option cannot inject other styles.
 *
 * The card clips its content, since many combining marks on one letter cannot be wrapped. `hidden` instead of `clip`
 * would prevent the card from growing beyond its aspect ratio. The error page has one column, the preview page two.
 */
export function createStyleSheet({ brand, textColor, gradientEnd, patternColor }: Palette): string {
  return compact(`
:root { color-scheme: light dark; ${LIGHT}; --brand: ${brand}; --ink: ${textColor} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; margin: 0; padding: 0 }
body { display: grid; min-height: 100vh; padding: 1.5rem 1rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
main { display: grid; grid-template-columns: minmax(0, 25rem); gap: 1.5rem; margin: auto }
.card { display: flex; flex-direction: column; overflow: clip; aspect-ratio: 1.586; padding: 1.5rem; border: 1px solid var(--edge);
  border-radius: 1.25rem; background: radial-gradient(circle at 100% 0, ${patternColor} 34%, transparent 34.3%),
  radial-gradient(circle at 100% 0, ${patternColor} 58%, transparent 58.2%), linear-gradient(150deg, ${brand} 30%, ${gradientEnd});
  background-origin: border-box; color: var(--ink); box-shadow: 0 1.5rem 2.5rem -1.5rem rgb(0 0 0 / .6) }
.brand { display: flex; align-items: center; gap: .75rem; margin-bottom: auto; padding-bottom: 1.5rem; font-weight: 600 }
.brand img, svg { flex: none; height: 2.25rem }
.brand img { max-width: 8rem; border-radius: .5rem }
svg { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round }
* + svg { margin-inline-start: auto }
.shared { font-size: .875rem }
h1 { margin: .125rem 0 .375rem; font-size: clamp(1.375rem, 6.5vw, 1.625rem); line-height: 1.2; text-wrap: balance }
section { padding: 1.5rem; border: 1px solid var(--line); border-radius: 1.25rem; background: var(--panel) }
h2 { font-size: 1.125rem; line-height: 1.3 }
section p { margin-top: .5rem; color: var(--soft) }
ol { display: grid; gap: .875rem; margin: 1.25rem 0; list-style: none; counter-reset: step }
li { display: flex; gap: .875rem; counter-increment: step }
ol li::before { content: counter(step); flex: none; width: 1.75rem; height: 1.75rem; border-radius: 50%;
  background: var(--brand); color: var(--ink); box-shadow: 0 0 0 1px var(--edge); font-weight: 600;
  line-height: 1.75rem; text-align: center }
.note { padding-top: 1rem; border-top: 1px solid var(--line); font-size: .875rem }
h2 ~ h2 { margin-top: 1.5rem }
ul { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem; list-style: none }
a { padding: .625rem 1.125rem; border: 1px solid var(--edge); border-radius: 2rem; background: var(--brand);
  color: var(--ink); font-weight: 600; text-decoration: none }
a:hover { text-decoration: underline }
a:focus-visible { outline: 3px solid var(--text); outline-offset: 3px }
@media (min-width: 56rem) { main { grid: auto / auto-flow 26rem; gap: 3rem; align-items: center } }
@media (prefers-contrast: more) { :root { --soft: var(--text); --line: var(--text); --edge: var(--text) } }
@media (prefers-reduced-motion: no-preference) { .card { animation: rise .5s ease-out } }
@keyframes rise { from { opacity: 0; transform: translateY(1rem) } }
`);
}

/** Removes white space, since every page contains the sheet. */
const compact = (sheet: string): string =>
  sheet
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':');
