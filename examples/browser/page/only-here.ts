/** Milliseconds that a page which was just left may take to let go. */
const PATIENCE_MS = 1000;

/**
 * Takes a name for this page, so that no other has it: a duplicated tab has a copy of all that the first one keeps, and
 * two devices with one claim take each other's messages. Resolves to what gives the name back (leaving the page does so
 * too), or to `undefined` if another page has it.
 */
export async function onlyHere(name: string): Promise<(() => void) | undefined> {
  if (!('locks' in navigator)) return () => {};
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    navigator.locks
      .request(name, { signal }, () => new Promise<void>((release) => resolve(release)))
      .catch(() => resolve(undefined));
  });
}
