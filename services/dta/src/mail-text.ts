/**
 * What the mail with a code says, in four languages. No link: nothing that is clicked grants anything. Names come from the descriptor and
 * the identity, both of grammars without line breaks.
 * @module
 */
import { EMAIL_CODE_SECONDS, type MailLanguage } from "@milagro/protocol/email-code";

export interface MailFacts {
  readonly service: string;
  readonly code: string;
  /** Which D-TA, of how many. */
  readonly index: number;
  readonly count: number;
  readonly name: string;
  readonly operator: string;
}

interface MailText {
  readonly subject: string;
  readonly text: string;
}

const MINUTES = EMAIL_CODE_SECONDS / 60;

const TEXTS: Readonly<Record<MailLanguage, (facts: MailFacts) => MailText>> = {
  en: ({ service, code, index, count, name, operator }) => ({
    subject: `${service}: code ${index} of ${count}`,
    text: `Somebody is setting up a device to log in to ${service} with this e-mail address.

Code ${index} of ${count}:

    ${code}

If it is you, type the code where you began, within ${MINUTES} minutes. ${count} independent authorities make your key together, and each sends a code of its own. This one is from ${name} (${operator}).

If it is not you, do nothing: without every code nothing happens. Tell the code to nobody, whoever asks.
`,
  }),
  de: ({ service, code, index, count, name, operator }) => ({
    subject: `${service}: Code ${index} von ${count}`,
    text: `Jemand richtet ein Gerät ein, um sich bei ${service} mit dieser E-Mail-Adresse anzumelden.

Code ${index} von ${count}:

    ${code}

Wenn Sie das sind, geben Sie den Code innerhalb von ${MINUTES} Minuten dort ein, wo Sie begonnen haben. ${count} unabhängige Stellen erzeugen Ihren Schlüssel gemeinsam, und jede schickt einen eigenen Code. Dieser kommt von ${name} (${operator}).

Wenn Sie das nicht sind, tun Sie nichts: Ohne alle Codes geschieht nichts. Geben Sie den Code an niemanden weiter, wer auch immer danach fragt.
`,
  }),
  ja: ({ service, code, index, count, name, operator }) => ({
    subject: `${service}: 確認コード ${index}/${count}`,
    text: `このメールアドレスで ${service} にログインするための端末が設定されようとしています。

確認コード ${index}/${count}:

    ${code}

ご本人の場合は、${MINUTES}分以内に、手続きを始めた画面にこのコードを入力してください。お使いの鍵は${count}の独立した機関が共同で作成し、各機関がそれぞれのコードを送ります。このコードの送信元は ${name} (${operator}) です。

お心当たりがない場合は、何もする必要はありません。すべてのコードがそろわなければ何も起こりません。誰に尋ねられても、このコードを教えないでください。
`,
  }),
  ar: ({ service, code, index, count, name, operator }) => ({
    subject: `${service}: الرمز ${index} من ${count}`,
    text: `هناك من يُعِدّ جهازًا لتسجيل الدخول إلى ${service} بعنوان البريد الإلكتروني هذا.

الرمز ${index} من ${count}:

    ${code}

إن كنت أنت، فأدخل الرمز حيث بدأت خلال ${MINUTES} دقيقة. تُنشئ ${count} جهات مستقلة مفتاحك معًا، وترسل كل جهة رمزًا خاصًا بها. هذا الرمز من ${name} (${operator}).

وإن لم تكن أنت، فلا تفعل شيئًا: لا يحدث شيء من دون جميع الرموز. لا تُعطِ الرمز لأحد أيًا كان.
`,
  }),
};

/** The mail with a code. */
export const mailText = (language: MailLanguage, facts: MailFacts): MailText => TEXTS[language](facts);
