/** Arabic. @module */
import type { Texts } from "./texts.ts";

/** Nouns after numbers: one, two, three to ten, more. */
const number = (count: number, one: string, two: string, few: string, many: string) => {
  if (count === 1) return one;
  if (count === 2) return two;
  return `${count} ${count >= 3 && count <= 10 ? few : many}`;
};
/** Keeps a name that is written from left to right in its place. */
const name = (text: string) => `\u2068${text}\u2069`;

export const texts: Texts = {
  pin: "رمز PIN",
  digitsOf: (count, of) => `أُدخل ${count} من ${of} أرقام`,
  digits: (count) => `عدد الأرقام المدخلة: ${count}`,
  deleteDigit: "حذف الرقم الأخير",
  confirmPin: "تأكيد رمز PIN",
  language: "اللغة",
  loading: "لحظة من فضلك…",
  next: "متابعة",
  back: "رجوع",
  cancel: "إلغاء",
  tryAgain: "حاول مرة أخرى",
  startOver: "البدء من جديد",
  logIn: "تسجيل الدخول",
  logInTo: (client) => `إلى ${name(client)}`,
  chooseAccount: "اختر حسابك",
  otherAccount: "استخدام حساب آخر",
  setUpDevice: "إعداد هذا الجهاز",
  noAccount: "لا يوجد حساب في هذا المتصفح بعد. يستغرق الإعداد نحو دقيقة.",
  enterPin: "أدخل رمز PIN",
  checking: "جارٍ التحقق…",
  wrongPin: "الرمز غير صحيح.",
  attemptsLeft: (count) => `المتبقي: ${number(count, "محاولة واحدة", "محاولتان", "محاولات", "محاولة")}.`,
  waitSeconds: (seconds) => `انتظر ${number(seconds, "ثانية واحدة", "ثانيتين", "ثوانٍ", "ثانية")} من فضلك.`,
  blocked: "هذا الجهاز محظور",
  blockedHelp: "أُدخل رمز خاطئ مرات كثيرة. يمكن للمسؤول رفع الحظر، أو أعد إعداد الجهاز.",
  blockedUntil: (when) => `يمكنك المحاولة مجددًا ابتداءً من ${name(when)}.`,
  revoked: "لم يعد مسموحًا لهذا الجهاز بتسجيل الدخول",
  revokedHelp: (authority) => `${name(authority)} تمتنع عن منح الإذن. إن لم تكن تتوقع ذلك فاسأل المشغّل.`,
  outdatedHelp: "استُبدلت مفاتيحه أثناء غيابه. أعد إعداد الجهاز.",
  confirmFirst: (client) => `يطلب ${name(client)} تأكيد ما يلي:`,
  offline: "لا يوجد اتصال",
  offlineHelp: "تعذر الوصول إلى الخادم. لم تُحتسب أي محاولة.",
  failed: "لم ينجح ذلك",
  failedHelp: (code) => `إذا تكرر الأمر، فأبلغ المشغّل بهذا الرمز: ${name(code)}`,
  loggedIn: "تم تسجيل الدخول",
  loggedInAs: (user) => `باسم ${name(user)}`,
  withPhone: "الدخول بواسطة الهاتف",
  withPhoneHelp: "لشاشة ليست لك: لا يُحفظ هنا شيء.",
};
