/** What elements are made with: attributes, or for `on…` listeners; `false` and `undefined` leave an attribute out. */
type Attributes = Readonly<Record<string, string | boolean | undefined | ((event: Event) => void)>>;
type Child = Node | string;

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an element. Texts become text nodes, never markup. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return furnished(document.createElement(name), attributes, children);
}

/** Makes an element of SVG. */
export function svg(name: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  return furnished(document.createElementNS(SVG, name) as SVGElement, attributes, children);
}

/** A button; a `kind` gives it its look. */
export function button(
  text: string,
  onclick: () => void,
  kind: 'primary' | 'plain' | 'danger' = 'plain',
): HTMLButtonElement {
  return h('button', { type: 'button', class: kind, onclick }, text);
}

/** Shows or hides an element. */
export function show(element: Element, isShown: boolean): void {
  element.toggleAttribute('hidden', !isShown);
}

/** Marks buttons as out of use for now. They keep the focus, and their listeners must do nothing. */
export function disable(buttons: readonly Element[], isDisabled: boolean): void {
  for (const each of buttons) each.setAttribute('aria-disabled', String(isDisabled));
}

/** Sets a text only if it is another one, so that nothing is read out twice. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A code in two groups, as people read it out. */
export const spaced = (code = ''): string => code.replace(/^(\d{3})/, '$1 ');

let ids = 0;

/** An id that no other element has. */
export function newId(): string {
  ids += 1;
  return `e${ids}`;
}

function furnished<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}
