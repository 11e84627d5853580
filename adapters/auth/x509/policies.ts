import { type Element, TAG } from './der.js';

/*
 * The policies of a certificate (RFC 5280 §4.2.1.4). As constraints of policies are refused, any policy is good. A list
 * that cannot be read is not, and notices to users are not read.
 */

/** DER of the object identifier of a qualifier, the address of a statement of practice. */
const ADDRESS = '06082b06010505070201';

/** Whether this is a list of different policies. */
export function arePolicies(list: Element): boolean {
  const names = new Set(list.children.map(({ children }) => children[0]?.bytes.toString('hex')));
  return isSequenceOf(list, isPolicy) && names.size === list.children.length;
}

function isPolicy({ tag, children: [name, qualifiers, ...rest] }: Element): boolean {
  if (tag !== TAG.sequence || name?.tag !== TAG.objectIdentifier || rest.length > 0) return false;
  return qualifiers === undefined || isSequenceOf(qualifiers, isAddress);
}

function isAddress({ tag, children: [name, address, ...rest] }: Element): boolean {
  if (tag !== TAG.sequence || name?.bytes.toString('hex') !== ADDRESS || rest.length > 0) return false;
  return address?.tag === TAG.ia5String;
}

function isSequenceOf({ tag, children }: Element, isEntry: (entry: Element) => boolean): boolean {
  return tag === TAG.sequence && children.length > 0 && children.every(isEntry);
}
