import type { PreviewLanguage } from './language.js';

export interface ErrorPageTexts {
  readonly heading: string;
  readonly advice: string;
}

/** `gone`: the mailbox does not exist. `unavailable`: the relay cannot read it at the moment. */
export type ErrorPageKind = 'gone' | 'unavailable';

/** The texts in every language. The page does not know which of the causes made a link invalid. */
export const ERROR_PAGE_TEXTS: Readonly<Record<PreviewLanguage, Readonly<Record<ErrorPageKind, ErrorPageTexts>>>> = {
  en: {
    gone: {
      heading: 'This link does not lead to a key any more',
      advice: 'It was taken back, used up, or has expired. Ask the person who sent it for a new one.',
    },
    unavailable: {
      heading: 'Not at the moment',
      advice: 'This link cannot be opened right now. Try again in a minute.',
    },
  },
  de: {
    gone: {
      heading: 'Dieser Link führt zu keinem Schlüssel mehr',
      advice:
        'Er wurde zurückgezogen, bereits verwendet oder ist abgelaufen. Bitten Sie die Person, die ihn geschickt hat, um einen neuen.',
    },
    unavailable: {
      heading: 'Im Moment nicht',
      advice: 'Dieser Link lässt sich gerade nicht öffnen. Versuchen Sie es in einer Minute noch einmal.',
    },
  },
  fr: {
    gone: {
      heading: 'Ce lien ne mène plus à une clé',
      advice: 'Il a été retiré, déjà utilisé, ou il a expiré. Demandez-en un nouveau à la personne qui l’a envoyé.',
    },
    unavailable: {
      heading: 'Pas pour le moment',
      advice: 'Ce lien ne peut pas s’ouvrir maintenant. Réessayez dans une minute.',
    },
  },
  es: {
    gone: {
      heading: 'Este enlace ya no lleva a ninguna llave',
      advice: 'Se ha retirado, ya se ha usado o ha caducado. Pide uno nuevo a la persona que lo envió.',
    },
    unavailable: {
      heading: 'Ahora mismo no',
      advice: 'Este enlace no se puede abrir en este momento. Inténtalo de nuevo dentro de un minuto.',
    },
  },
  ja: {
    gone: {
      heading: 'このリンクでは、もうキーを受け取れません',
      advice: '取り消されたか、すでに使用されたか、有効期限が切れています。送信者に新しいリンクを依頼してください。',
    },
    unavailable: {
      heading: '現在開くことができません',
      advice: '一時的にリンクを開けない状態です。1分ほど待ってから、もう一度お試しください。',
    },
  },
  zh: {
    gone: {
      heading: '此链接已无法领取钥匙',
      advice: '它已被撤回、已被使用或已过期。请让发送者重新发送一个链接。',
    },
    unavailable: {
      heading: '暂时无法打开',
      advice: '此链接目前无法打开，请一分钟后重试。',
    },
  },
};
