import type { DisplayInformation, Vertical } from 'credential-relay/client';
import type { KeyKind } from './message.js';

/** The texts on a card. */
export interface Face {
  readonly issuer: string;
  readonly title: string;
  readonly detail: string;
  readonly validity: string;
}

export interface Key extends Face {
  /** Part of the link. It tells the receiver's phone which app opens the link. */
  readonly vertical: Vertical;
  /** Stands for the credential. Only the two phones see it. */
  readonly serial: string;
  /** Visible for the relay, and for everybody who has the link. */
  readonly display: DisplayInformation;
}

const createKey = (vertical: Vertical, serial: string, face: Face, title: string, description: string): Key => {
  return { ...face, vertical, serial, display: { title, description, imageURL: 'https://images.example/key.png' } };
};

export const KEYS: Readonly<Record<KeyKind, Key>> = {
  room: createKey(
    'a',
    'LH-417-8823-5610',
    { issuer: 'Hotel Lindenhof', title: 'Room 417', detail: 'Garden side', validity: '24–27 November' },
    'Room 417, Hotel Lindenhof',
    'Ada shares a room key with you, for 24 to 27 November.',
  ),
  door: createKey(
    'h',
    'OL-014-2209-7731',
    { issuer: 'Orchard Lane 14', title: 'Front door', detail: 'Weekdays, 8 to 18 h', validity: 'Until withdrawn' },
    'Front door, Orchard Lane 14',
    'Ada shares a house key with you, for weekdays.',
  ),
  car: createKey(
    'c',
    'NE-441-7765-0392',
    { issuer: 'Norden', title: 'Norden E4', detail: 'Unlock and drive', validity: 'B · NE 4417' },
    'Car key, Norden E4',
    'Ada shares a car key with you: unlock and drive.',
  ),
};

/** The phone shows a drawing of this kind before it has the key. */
export const toKind = (vertical: Vertical | undefined): KeyKind =>
  vertical === 'h' ? 'door' : vertical === 'c' ? 'car' : 'room';
