/**
 * The few sentences of the provider's own pages. Everything else a person reads is in the pages of `@milagro/web`.
 * @module
 */
import type { Language } from "@milagro/protocol/login-messages";

interface Texts {
  readonly deviceTitle: string;
  readonly deviceAsk: string;
  readonly deviceWrong: string;
  readonly deviceCode: string;
  readonly next: string;
  readonly confirmTitle: string;
  /** `{app}` wants to be connected; is this the code? */
  readonly confirmAsk: string;
  readonly cancel: string;
  readonly doneTitle: string;
  readonly done: string;
  readonly logoutTitle: string;
  readonly logoutAsk: string;
  readonly logoutYes: string;
  readonly logoutNo: string;
  readonly loggedOutTitle: string;
  readonly loggedOut: string;
  readonly errorTitle: string;
  readonly error: string;
}

export const PAGE_TEXTS: Readonly<Record<Language, Texts>> = {
  en: {
    deviceTitle: "Connect a device",
    deviceAsk: "Type the code that the device shows.",
    deviceWrong: "That code is not known, or no longer good.",
    deviceCode: "Code",
    next: "Continue",
    confirmTitle: "Is this your device?",
    confirmAsk:
      "{app} wants to be connected to your account. Go on only if the device in front of you shows this code.",
    cancel: "No, cancel",
    doneTitle: "Connected",
    done: "You can close this page and go on at the device.",
    logoutTitle: "Log out?",
    logoutAsk: "An application asks to log you out here.",
    logoutYes: "Log out",
    logoutNo: "Stay logged in",
    loggedOutTitle: "Logged out",
    loggedOut: "You are logged out here.",
    errorTitle: "That did not work",
    error: "The application has sent you here with a request that cannot be answered. Go back to it and try again.",
  },
  de: {
    deviceTitle: "Ein Gerät verbinden",
    deviceAsk: "Geben Sie den Code ein, den das Gerät zeigt.",
    deviceWrong: "Dieser Code ist unbekannt oder nicht mehr gültig.",
    deviceCode: "Code",
    next: "Weiter",
    confirmTitle: "Ist das Ihr Gerät?",
    confirmAsk:
      "{app} möchte mit Ihrem Konto verbunden werden. Fahren Sie nur fort, wenn das Gerät vor Ihnen diesen Code zeigt.",
    cancel: "Nein, abbrechen",
    doneTitle: "Verbunden",
    done: "Sie können diese Seite schließen und am Gerät weitermachen.",
    logoutTitle: "Abmelden?",
    logoutAsk: "Eine Anwendung möchte Sie hier abmelden.",
    logoutYes: "Abmelden",
    logoutNo: "Angemeldet bleiben",
    loggedOutTitle: "Abgemeldet",
    loggedOut: "Sie sind hier abgemeldet.",
    errorTitle: "Das hat nicht geklappt",
    error:
      "Die Anwendung hat Sie mit einer Anfrage hierher geschickt, die sich nicht beantworten lässt. Gehen Sie zurück und versuchen Sie es noch einmal.",
  },
  ja: {
    deviceTitle: "デバイスを接続",
    deviceAsk: "デバイスに表示されているコードを入力してください。",
    deviceWrong: "このコードは見つからないか、有効期限が切れています。",
    deviceCode: "コード",
    next: "続ける",
    confirmTitle: "お使いのデバイスですか？",
    confirmAsk:
      "{app} があなたのアカウントへの接続を求めています。お手元のデバイスに同じコードが表示されている場合だけ続けてください。",
    cancel: "いいえ、中止する",
    doneTitle: "接続しました",
    done: "このページを閉じて、デバイスで続けてください。",
    logoutTitle: "ログアウトしますか？",
    logoutAsk: "アプリケーションがログアウトを求めています。",
    logoutYes: "ログアウト",
    logoutNo: "ログインしたままにする",
    loggedOutTitle: "ログアウトしました",
    loggedOut: "このサーバーからログアウトしました。",
    errorTitle: "うまくいきませんでした",
    error: "アプリケーションから届いた要求に応答できません。アプリケーションに戻って、もう一度お試しください。",
  },
  ar: {
    deviceTitle: "توصيل جهاز",
    deviceAsk: "اكتب الرمز الذي يعرضه الجهاز.",
    deviceWrong: "هذا الرمز غير معروف أو انتهت صلاحيته.",
    deviceCode: "الرمز",
    next: "متابعة",
    confirmTitle: "هل هذا جهازك؟",
    confirmAsk: "يطلب {app} الاتصال بحسابك. تابع فقط إذا كان الجهاز الذي أمامك يعرض هذا الرمز.",
    cancel: "لا، إلغاء",
    doneTitle: "تم التوصيل",
    done: "يمكنك إغلاق هذه الصفحة والمتابعة على الجهاز.",
    logoutTitle: "هل تريد تسجيل الخروج؟",
    logoutAsk: "يطلب أحد التطبيقات تسجيل خروجك هنا.",
    logoutYes: "تسجيل الخروج",
    logoutNo: "البقاء مسجّلاً",
    loggedOutTitle: "تم تسجيل الخروج",
    loggedOut: "لقد سجّلت خروجك هنا.",
    errorTitle: "لم تنجح العملية",
    error: "أرسلك التطبيق إلى هنا بطلب لا يمكن الرد عليه. ارجع إليه وحاول مرة أخرى.",
  },
};
