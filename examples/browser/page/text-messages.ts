/** The way by which a link goes from person to person: here, to the other phones in the same browser. */
export interface TextMessages {
  send(link: string): void;
}

const CHANNEL = 'text-messages';

/** Joins in; `receive` hears what the others send. Windows of other browsers hear nothing: there a link is copied. */
export function createTextMessages(receive: (link: string) => void): TextMessages {
  const channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') receive(data);
  });
  return { send: (link) => channel.postMessage(link) };
}
