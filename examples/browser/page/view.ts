/** Values by the names in `data-text` and `data-show`. */
export type Values = Readonly<Record<string, string | boolean>>;
export type Actions = Readonly<Record<string, () => unknown>>;

/** A copy of a template of index.html. */
export interface View {
  readonly element: HTMLElement;
  /** Finds the element of a CSS selector. */
  find<Type extends Element = HTMLElement>(selector: string): Type;
  /** Sets the text of `data-text` elements and hides `data-show` elements. */
  update(values: Values): void;
}

let copies = 0;

/** Copies a template, appends `content` to its `data-content` element, and calls an action per click or submit. */
export function createView(template: string, actions: Actions = {}, content?: HTMLElement): View {
  const source = document.querySelector<HTMLTemplateElement>(`#${template}`)?.content;
  const element = document.importNode(source as DocumentFragment, true).firstElementChild as HTMLElement;
  copies += 1;
  for (const attribute of ['id', 'for', 'aria-controls']) {
    for (const each of element.querySelectorAll(`[${attribute}]`)) {
      each.setAttribute(attribute, `${each.getAttribute(attribute)}-${copies}`);
    }
  }
  for (const each of element.querySelectorAll<HTMLElement>('[data-action]')) {
    each.addEventListener(each.matches('form') ? 'submit' : 'click', (event) => {
      event.preventDefault();
      actions[each.dataset.action ?? '']?.();
    });
  }
  const all = [element, ...element.querySelectorAll<HTMLElement>('*')];
  const texts = all.filter(({ dataset }) => dataset.text !== undefined);
  const shown = all.filter(({ dataset }) => dataset.show !== undefined);
  if (content !== undefined) element.querySelector('[data-content]')?.append(...content.childNodes);

  return {
    element,
    find<Type extends Element = HTMLElement>(selector: string) {
      return element.querySelector(selector) as unknown as Type;
    },
    update(values) {
      for (const each of shown) each.hidden = !values[each.dataset.show ?? ''];
      for (const each of texts) {
        const text = String(values[each.dataset.text ?? ''] ?? '');
        // A live region reads a text again if it is set again.
        if (each.textContent !== text) each.textContent = text;
      }
    },
  };
}

/** Texts become text nodes, never markup. */
export function createElement(name: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const element = document.createElement(name);
  element.className = className;
  element.append(...children);
  return element;
}
