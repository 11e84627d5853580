import type { PreviewLanguage } from './language.js';

export interface ErrorPageTexts {
  readonly heading: string;
  readonly advice: string;
}

/**
 * `gone`: the mailbox does not exist. `altered`: the URL is not as the sender's device wrote it, so the page says nothing
 * about a mailbox. `unavailable`: the relay cannot read the mailbox at the moment.
 */
export type ErrorPageKind = 'gone' | 'altered' | 'unavailable';

/** The texts in every language. The page does not know which of the causes made a link invalid. */
export const ERROR_PAGE_TEXTS: Readonly<Record<PreviewLanguage, Readonly<Record<ErrorPageKind, ErrorPageTexts>>>> = {
  en: {
    gone: {
      heading: 'This link does not lead to a key any more',
      advice: 'It was taken back, used up, or has expired. Ask the person who sent it for a new one.',
    },
    altered: {
      heading: 'This link was altered on its way',
      advice:
        'A program changed it, or a part of it is missing. Open the original message and tap the link there, or copy the whole link. If that does not help, ask the person who sent it to send it again.',
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
    altered: {
      heading: 'Dieser Link wurde unterwegs verändert',
      advice:
        'Ein Programm hat ihn geändert, oder ein Teil fehlt. Öffnen Sie die ursprüngliche Nachricht und tippen Sie dort auf den Link, oder kopieren Sie den ganzen Link. Hilft das nicht, bitten Sie die Person, die ihn geschickt hat, ihn noch einmal zu senden.',
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
    altered: {
      heading: 'Ce lien a été modifié en chemin',
      advice:
        'Un programme l’a changé, ou une partie manque. Ouvrez le message d’origine et touchez le lien, ou copiez le lien entier. Si cela ne suffit pas, demandez à la personne qui l’a envoyé de le renvoyer.',
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
    altered: {
      heading: 'Este enlace se ha alterado por el camino',
      advice:
        'Un programa lo ha cambiado, o falta una parte. Abre el mensaje original y toca el enlace, o copia el enlace entero. Si no funciona, pide a la persona que lo envió que te lo mande otra vez.',
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
    altered: {
      heading: 'このリンクは途中で変更されています',
      advice:
        '途中のソフトウェアがリンクを変更したか、一部が欠けています。元のメッセージを開いてリンクをタップするか、リンク全体をコピーしてください。それでも開けない場合は、送信者にもう一度送ってもらってください。',
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
    altered: {
      heading: '此链接在传送途中被更改',
      advice:
        '某个程序更改了链接，或链接缺少一部分。请打开原始消息并点按其中的链接，或复制完整的链接。如果仍无法打开，请让发送者重新发送。',
    },
    unavailable: {
      heading: '暂时无法打开',
      advice: '此链接目前无法打开，请一分钟后重试。',
    },
  },
};
