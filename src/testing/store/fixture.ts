import type { MailboxStore } from '../../relay/store/contract.js';

/** A backend under test, as the suite sees it. */
export interface StoreFixture {
  /** Opens a store on the backend. Each call is another client of the same backend, as another process would have. */
  open(): Promise<MailboxStore>;
  /**
   * Makes the backend fail (stops it, cuts the network, locks the file) until the function that it resolves to is
   * called; that one resolves when the backend would answer again. What was acknowledged before has to survive it if
   * the store calls itself durable. Absent only if the backend cannot fail: memory of this process.
   */
  breakBackend?(): Promise<() => Promise<void>>;
  /** Milliseconds by which the backend may be late to see a deadline. Default 0. */
  expiryToleranceMs?: number;
}
