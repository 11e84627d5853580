/** What a phone knows, and who is told when that changes. */
export interface Memory<State> {
  readonly state: State;
  /** False if the browser does not keep it, so that it ends with the page. */
  readonly isKept: boolean;
  /** Changes the state, keeps it, and tells. */
  set(changes: Partial<State>): void;
}

/** The shape of what is kept: of another one nothing is used. */
const FORMAT = 3;

/**
 * A state that outlives a reload of the page. Device Claim and Secret are in it: sessionStorage is of this tab and this
 * origin alone, and ends with the tab. A browser may keep nothing for a page, or something that is damaged.
 */
export function createMemory<State extends object>(key: string, initial: State, onChange: () => void): Memory<State> {
  let state: State = { ...initial, ...read<State>(key) };
  let isKept = write(key, state);
  return {
    get state() {
      return state;
    },
    get isKept() {
      return isKept;
    },
    set(changes) {
      state = { ...state, ...changes };
      isKept = write(key, state);
      onChange();
    },
  };
}

function read<State>(key: string): Partial<State> | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? 'null') as { format?: unknown; state?: Partial<State> };
    return kept?.format === FORMAT ? kept.state : undefined;
  } catch {
    return undefined;
  }
}

function write(key: string, state: object): boolean {
  try {
    sessionStorage.setItem(key, JSON.stringify({ format: FORMAT, state }));
    return true;
  } catch {
    return false;
  }
}
