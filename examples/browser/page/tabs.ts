import { h, newId, show } from './dom.js';

/** Panels of which one is seen, with tabs to choose (WAI-ARIA Authoring Practices: tabs that follow the focus). */
export function tabsOf(label: string, panels: ReadonlyArray<readonly [name: string, panel: HTMLElement]>): HTMLElement {
  const tabs = panels.map(([name, panel], at) => {
    panel.id = newId();
    const tab = h(
      'button',
      { type: 'button', role: 'tab', 'aria-controls': panel.id, onclick: () => select(at) },
      name,
    );
    tab.id = newId();
    return tab;
  });
  const holders = panels.map(([, panel], at) =>
    h('div', { role: 'tabpanel', 'aria-labelledby': tabs[at]?.id, class: 'tabpanel' }, panel),
  );

  function select(chosen: number): void {
    tabs.forEach((tab, at) => {
      tab.setAttribute('aria-selected', String(at === chosen));
      tab.tabIndex = at === chosen ? 0 : -1;
      const holder = holders[at];
      if (holder !== undefined) show(holder, at === chosen);
    });
  }

  function onkeydown(event: Event): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[(event as KeyboardEvent).key];
    if (step === undefined) return;
    const at = (tabs.indexOf(document.activeElement as HTMLButtonElement) + step + tabs.length) % tabs.length;
    select(at);
    tabs[at]?.focus();
  }

  select(0);
  return h(
    'div',
    { class: 'tabs' },
    h('div', { role: 'tablist', 'aria-label': label, onkeydown }, ...tabs),
    ...holders,
  );
}
