import { randomBytes } from 'node:crypto';

/** What every transfer of a run sends. One payload for all, because C0 can give back nothing but a fixed answer. */
export interface Sample {
  readonly payload: { readonly type: string; readonly data: string };
  readonly display: { readonly title: string; readonly description: string; readonly imageURL: string };
  /** All of the create body but its expiration, which goes between the two. */
  readonly createBody: readonly [before: string, after: string];
}

/** Bytes of ciphertext in the payload: a create body of about 700 bytes, as a small credential makes it. */
const PAYLOAD_BYTES = 240;

/** Makes the sample of a run. ASCII only, so that characters are bytes and the client need not decode. */
export function createSample(): Sample {
  const payload = { type: 'AEAD_AES_128_GCM', data: randomBytes(PAYLOAD_BYTES).toString('base64') };
  const display = {
    title: 'Hotel room 412',
    description: 'Key of a room at the Example Hotel, from Friday to Sunday',
    imageURL: 'https://hotel.example/images/room-key.png',
  };
  const [before = '', after = ''] = JSON.stringify({
    payload,
    displayInformation: display,
    notificationToken: { type: 'com.example.push', tokenData: randomBytes(32).toString('hex') },
    mailboxConfiguration: { accessRights: 'RD', expiration: '#' },
  }).split('#');
  return { payload, display, createBody: [before, after] };
}

const LIFETIME_SECONDS = 60 * 60;
let second = 0;
let body = '';

/** The body of a create sent now. Deadlines move on as in life, lest a store find all of them in one second. */
export function createBodyNow({ createBody: [before, after] }: Sample): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    body = `${before}${new Date((now + LIFETIME_SECONDS) * 1000).toISOString().slice(0, 19)}Z${after}`;
  }
  return body;
}

/** One answer of a real relay, to be imitated. */
export interface ModelAnswer {
  /** Flat list of name and value, without what node:http adds by itself. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** The answers that a real relay gave to one transfer of the sample; ceilings answer alike, byte for byte in length. */
export interface Model {
  readonly identifier: string;
  readonly create: ModelAnswer;
  readonly preview: ModelAnswer;
  readonly read: ModelAnswer;
  readonly remove: ModelAnswer;
}

/** What a server process is told at its start. */
export interface Assignment {
  readonly configuration: string;
  /** Directory of a built package. */
  readonly dist: string;
  readonly sample: Sample;
  /** Absent for the relay that the model is taken from. */
  readonly model?: Model;
}
