import type { DisplayInformation, Vertical } from 'credential-relay/client';
import type { KeyKind } from './words.js';

/** What is written on a card. */
export interface Face {
  readonly issuer: string;
  readonly title: string;
  readonly detail: string;
  readonly validity: string;
}

/** A key that the demo has. */
export interface Key extends Face {
  /** Goes into the link; tells the receiver's phone which app is for it. */
  readonly vertical: Vertical;
  /** Stands for the credential itself: what nobody but the two phones must see. */
  readonly serial: string;
  /** What the relay, and everybody who has the link, is shown. */
  readonly display: DisplayInformation;
}

/** The three keys in the sender's wallet. */
export const KEYS: Readonly<Record<KeyKind, Key>> = {
  room: {
    vertical: 'a',
    issuer: 'Hotel Lindenhof',
    title: 'Room 417',
    detail: 'Garden side',
    validity: '24–27 November',
    serial: 'LH-417-8823-5610',
    display: {
      title: 'Room 417, Hotel Lindenhof',
      description: 'Ada shares a room key with you, for 24 to 27 November.',
      imageURL: 'https://images.example/lindenhof.png',
    },
  },
  door: {
    vertical: 'h',
    issuer: 'Orchard Lane 14',
    title: 'Front door',
    detail: 'Weekdays, 8 to 18 h',
    validity: 'Until withdrawn',
    serial: 'OL-014-2209-7731',
    display: {
      title: 'Front door, Orchard Lane 14',
      description: 'Ada shares a house key with you, for weekdays.',
      imageURL: 'https://images.example/orchard-lane.png',
    },
  },
  car: {
    vertical: 'c',
    issuer: 'Norden',
    title: 'Norden E4',
    detail: 'Unlock and drive',
    validity: 'B · NE 4417',
    serial: 'NE-441-7765-0392',
    display: {
      title: 'Car key, Norden E4',
      description: 'Ada shares a car key with you: unlock and drive.',
      imageURL: 'https://images.example/norden-e4.png',
    },
  },
};

/** The kind that a link's vertical is for: a phone picks a picture by it before it has the key. */
export function kindOf(vertical: Vertical | undefined): KeyKind {
  return vertical === 'h' ? 'door' : vertical === 'c' ? 'car' : 'room';
}
