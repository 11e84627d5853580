import { type Element, readDer } from '../../../adapters/auth/x509/der.js';
import { tlv } from './der.js';

/* Random changes of the DER of a certificate, which keep most of it readable. */

/** A number from 0 to `limit` - 1. */
export type Random = (limit: number) => number;

/** The same numbers for the same seed (Lehmer's generator). */
export function randomOf(seed: number): Random {
  let state = (seed % 2_147_483_646) + 1;
  return (limit) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
}

/** Changes one inner element at any depth, also inside values that are DER themselves. */
export function mutate(der: Buffer, random: Random): Buffer {
  const root = treeOf(der);
  const all = elementsOf(root);
  const target = all[1 + random(all.length - 1)];
  return write(root, target, random);
}

/** An element with its inner elements, also of octet strings and bit strings. */
interface Node {
  readonly tag: number;
  readonly content: Buffer;
  /** Bytes before the inner elements. */
  readonly before: Buffer;
  readonly children: readonly Node[];
}

const OCTET_STRING = 0x04;

function treeOf(der: Buffer): Node {
  return nodeOf(readDer(der));
}

function nodeOf({ tag, content, children }: Element): Node {
  const none = { tag, content, before: Buffer.alloc(0) };
  if (tag !== OCTET_STRING) return { ...none, children: children.map(nodeOf) };
  try {
    return { ...none, children: [treeOf(content)] };
  } catch {
    return { ...none, children: [] };
  }
}

function elementsOf(node: Node): readonly Node[] {
  return [node, ...node.children.flatMap(elementsOf)];
}

function write(node: Node, target: Node | undefined, random: Random): Buffer {
  if (node === target) return changed(node, random);
  const inside = node.children.map((child) => write(child, target, random));
  return tlv(node.tag, ...(inside.length === 0 ? [node.content] : [node.before, ...inside]));
}

/** Applies a random change. */
function changed({ tag, content }: Node, random: Random): Buffer {
  const whole = tlv(tag, content);
  const at = random(Math.max(1, content.length));
  const spot = Buffer.from(content);
  switch (random(8)) {
    case 0:
      return Buffer.alloc(0);
    case 1:
      return Buffer.concat([whole, whole]);
    case 2:
      return tlv(tag, content.subarray(0, at));
    case 3:
      return tlv(tag, content, Buffer.from([random(256)]));
    case 4:
      return tlv(
        [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x17, 0x18, 0x30, 0x31, 0x80, 0xa0][random(13)] ?? 0,
        content,
      );
    case 5:
      return tlv(tag, Buffer.alloc(0));
    default:
      if (content.length > 0) spot[at] = random(3) === 0 ? random(256) : (spot[at] ?? 0) ^ (1 << random(8));
      return tlv(tag, spot);
  }
}
