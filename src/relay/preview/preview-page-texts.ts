import type { PreviewLanguage } from './language.js';

/** The texts of the page. Title and description come from the sender. */
export interface PreviewTexts {
  /** Above the title. */
  readonly shared: string;
  /** Heading of the instructions. */
  readonly heading: string;
  /** Explanation of the link. */
  readonly lead: string;
  /** The instructions in order. */
  readonly steps: readonly [string, string];
  /** The page does not use up the link, but the link must not be forwarded. */
  readonly note: string;
  /** Heading of the links of `preview.appStores`. */
  readonly stores: string;
}

/** The texts in every language of the page. */
export const PREVIEW_TEXTS: Readonly<Record<PreviewLanguage, PreviewTexts>> = {
  en: {
    shared: 'Shared with you',
    heading: 'Open it on your phone',
    lead: 'This link hands over a digital key to one phone.',
    steps: [
      'On the phone that should hold the key, open the message with this link.',
      'Tap the link there. Your wallet app does the rest.',
    ],
    note: 'Looking at this page does not use up the link. Do not pass it on: whoever has it can take the key.',
    stores: 'No wallet app yet?',
  },
  de: {
    shared: 'Mit Ihnen geteilt',
    heading: 'Auf dem Smartphone öffnen',
    lead: 'Dieser Link übergibt einen digitalen Schlüssel an ein einziges Smartphone.',
    steps: [
      'Öffnen Sie auf dem Smartphone, das den Schlüssel erhalten soll, die Nachricht mit diesem Link.',
      'Tippen Sie dort auf den Link. Den Rest erledigt Ihre Wallet-App.',
    ],
    note: 'Das Ansehen dieser Seite verbraucht den Link nicht. Geben Sie ihn nicht weiter: Wer ihn hat, kann den Schlüssel übernehmen.',
    stores: 'Noch keine Wallet-App?',
  },
  fr: {
    shared: 'Partagé avec vous',
    heading: 'À ouvrir sur votre téléphone',
    lead: 'Ce lien remet une clé numérique à un seul téléphone.',
    steps: [
      'Sur le téléphone qui doit recevoir la clé, ouvrez le message contenant ce lien.',
      'Touchez le lien. Votre application de portefeuille s’occupe du reste.',
    ],
    note: 'Consulter cette page n’invalide pas le lien. Ne le transmettez pas\u00a0: quiconque le possède peut prendre la clé.',
    stores: 'Pas encore d’application de portefeuille\u00a0?',
  },
  es: {
    shared: 'Compartido contigo',
    heading: 'Ábrelo en tu teléfono',
    lead: 'Este enlace entrega una llave digital a un solo teléfono.',
    steps: [
      'En el teléfono que va a guardar la llave, abre el mensaje con este enlace.',
      'Toca el enlace. Tu aplicación de cartera digital se encarga del resto.',
    ],
    note: 'Ver esta página no invalida el enlace. No lo reenvíes: quien lo tenga puede quedarse con la llave.',
    stores: '¿Aún no tienes una cartera digital?',
  },
  ja: {
    shared: 'あなたに共有されました',
    heading: 'スマートフォンで開いてください',
    lead: 'このリンクは、1台のスマートフォンにデジタルキーを渡すためのものです。',
    steps: [
      'キーを受け取るスマートフォンで、このリンクが届いたメッセージを開きます。',
      'リンクをタップします。あとはウォレットアプリの案内に従ってください。',
    ],
    note: 'このページを見ても、リンクは使用済みになりません。リンクを持つ人は誰でもキーを受け取れるので、転送しないでください。',
    stores: 'ウォレットアプリをお持ちでない場合',
  },
  zh: {
    shared: '与您共享',
    heading: '请在手机上打开',
    lead: '此链接用于将一把数字钥匙交给一部手机。',
    steps: ['在要保存钥匙的手机上，打开带有此链接的消息。', '点按其中的链接，钱包应用会完成其余步骤。'],
    note: '查看此页面不会让链接失效。请勿转发：任何持有链接的人都能领取钥匙。',
    stores: '还没有钱包应用？',
  },
};
