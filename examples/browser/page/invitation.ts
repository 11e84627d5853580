import { button, h, newId, show, write } from './dom.js';
import { qrCode } from './qr.js';

/** The link of a share, to send, copy or scan. */
export interface Invitation {
  readonly element: HTMLElement;
  update(link: string | undefined): void;
}

/** Makes the invitation. `onSend` brings the link to the other phones of this browser. */
export function invitationOf(other: string, onSend: (link: string) => void): Invitation {
  const id = newId();
  const input = h('input', { id, readonly: true, class: 'link', spellcheck: 'false' });
  const done = h('p', { class: 'done', role: 'status' });
  const code = h('div', { class: 'qr-place' });
  const near = h(
    'p',
    { class: 'hint' },
    'Its address is that of this computer: only browsers on it can follow the code.',
  );
  const send = button(
    `Text it to ${other}`,
    () => {
      onSend(input.value);
      write(done, 'Sent to the other phones of this browser.');
    },
    'primary',
  );
  const copy = button('Copy the link', async () => {
    input.select();
    const isCopied = await navigator.clipboard.writeText(input.value).then(
      () => true,
      () => false,
    );
    write(done, isCopied ? 'Copied.' : 'Selected: copy it from here.');
  });
  const element = h(
    'div',
    { class: 'panel invitation' },
    code,
    near,
    h('label', { for: id }, 'Link, with the secret behind #'),
    input,
    h('div', { class: 'row' }, send, copy),
    done,
  );
  return {
    element,
    update(link) {
      if (link === undefined || input.value === link) return;
      input.value = link;
      write(done, '');
      code.replaceChildren(qrCode(link, 'The link as a QR code'));
      show(near, /^http:\/\/(127\.|localhost\b|\[::1\])/.test(link));
    },
  };
}
