/** What a phone knows, and who is told when that changes. */
export interface Memory<State> {
  readonly state: State;
  /** Changes the state, keeps it, and tells. */
  set(changes: Partial<State>): void;
}

/**
 * A state that outlives a reload of the page. Device Claim and Secret are in it: sessionStorage is of this tab and this
 * origin alone, and ends with the tab.
 */
export function createMemory<State extends object>(key: string, initial: State, onChange: () => void): Memory<State> {
  const kept = sessionStorage.getItem(key);
  let state: State = kept === null ? initial : { ...initial, ...(JSON.parse(kept) as Partial<State>) };
  return {
    get state() {
      return state;
    },
    set(changes) {
      state = { ...state, ...changes };
      sessionStorage.setItem(key, JSON.stringify(state));
      onChange();
    },
  };
}
