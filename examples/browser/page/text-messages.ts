/** The way by which a link goes from person to person: here, to the other phones in the same browser. */
export interface TextMessages {
  send(link: string): void;
}

const CHANNEL = 'text-messages';
/** Characters of a link that is taken. */
const LONGEST_LINK = 2048;

/** Joins in; `receive` hears what the others send. Windows of other browsers hear nothing: there a link is copied. */
export function createTextMessages(receive: (link: string) => void): TextMessages {
  const channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener('message', ({ data }) => {
    if (typeof data === 'string' && data.length <= LONGEST_LINK) receive(data);
  });
  return { send: (link) => channel.postMessage(link) };
}
