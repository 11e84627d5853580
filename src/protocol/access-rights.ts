/**
 * A right of both bound devices (SCT and TIGRESS §6.1.5): R read, W update, D delete. The sender can always read and
 * cancel. Relinquish needs no right (docs/protocol.md §5).
 */
export type AccessRight = 'R' | 'W' | 'D';

/** A set of rights on the wire: each letter once at most, in any order, never empty. */
export type AccessRights = string;

/** Default rights, for the stateless flow. The stateful flow needs `RWD`. */
export const DEFAULT_RIGHTS: AccessRights = 'RD';

/** True for a non-empty subset of R, W and D with no letter twice. */
export function isAccessRights(text: string): boolean {
  return /^[RWD]{1,3}$/.test(text) && new Set(text).size === text.length;
}

export function hasRight(rights: AccessRights, right: AccessRight): boolean {
  return rights.includes(right);
}
