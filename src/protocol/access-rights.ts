/**
 * What both bound devices may do with a mailbox (SCT and TIGRESS §6.1.5): R read, W update, D delete.
 * The sender never loses read and cancel, and relinquishing needs no right.
 */
export type AccessRight = 'R' | 'W' | 'D';

/** A set of rights as the wire writes it: each letter at most once, in any order, never empty. */
export type AccessRights = string;

/** Rights of a mailbox whose request names none: the stateless flow. A stateful flow asks for `RWD`. */
export const DEFAULT_RIGHTS: AccessRights = 'RD';

/** True for a non-empty subset of R, W and D with no letter twice. */
export function isAccessRights(text: string): boolean {
  return /^[RWD]{1,3}$/.test(text) && new Set(text).size === text.length;
}

/** True if `rights` include `right`. */
export function hasRight(rights: AccessRights, right: AccessRight): boolean {
  return rights.includes(right);
}
