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
const authorities = (count: number) => number(count, "جهة واحدة", "جهتان", "جهات", "جهة");

export const texts: Texts = {
  pin: "رمز PIN",
  digitsOf: (count, of) => `أُدخل ${count} من ${of} أرقام`,
  digits: (count) => `عدد الأرقام المدخلة: ${count}`,
  deleteDigit: "حذف الرقم الأخير",
  confirmPin: "تأكيد رمز PIN",

  languageName: "العربية",
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
  blockedMinutes: (minutes) =>
    `يمكنك المحاولة مجددًا بعد ${number(minutes, "دقيقة واحدة", "دقيقتين", "دقائق", "دقيقة")}.`,
  offline: "لا يوجد اتصال",
  offlineHelp: "تعذر الوصول إلى الخادم. لم تُحتسب هذه المحاولة.",
  failed: "لم ينجح ذلك",
  failedHelp: (code) => `إذا تكرر الأمر، فأبلغ المشغّل بهذا الرمز: ${name(code)}`,
  loggedIn: "تم تسجيل الدخول",
  loggedInAs: (user) => `باسم ${name(user)}`,

  withPhone: "الدخول بواسطة الهاتف",
  withPhoneHelp: "لشاشة ليست لك: لا يُحفظ هنا شيء.",
  scanCode: "امسح هذا الرمز بكاميرا جهاز سبق إعداده.",
  numberOnScreen: "ثم اختر هذا الرقم هناك",
  waitingForPhone: "في انتظار هاتفك…",
  phoneRefused: "رُفض تسجيل الدخول على هاتفك.",
  codeExpired: "انتهت صلاحية هذا الرمز.",
  newQrCode: "إظهار رمز جديد",
  withPin: "استخدام رمز PIN على هذا الجهاز",

  emailAddress: "عنوان البريد الإلكتروني",
  emailInvalid: "هذا ليس عنوان بريد إلكتروني.",
  deviceName: "اسم هذا الجهاز",
  deviceNameHelp: "لتتعرف عليه في قائمتك.",
  aPhone: "هاتف",
  aTablet: "جهاز لوحي",
  aComputer: "حاسوب",
  howToConfirm: "كيف تثبت أنك أنت؟",
  byEmail: "رموز بالبريد الإلكتروني",
  byEmailHelp: (count) =>
    `${number(count, "رسالة قصيرة", "رسالتان قصيرتان", "رسائل قصيرة", "رسالة قصيرة")}، واحدة من كل جهة`,
  byActivation: "رمز التفعيل",
  byActivationHelp: "أُعطي لك مسبقًا",
  byQuickCode: "QuickCode",
  byQuickCodeHelp: "الموافقة من جهاز سبق إعداده",
  codesMailed: (count) => `${authorities(count)} أرسلت إليك رموزًا بالبريد`,
  codesMailedTo: (address) => `كل جهة تتحقق بنفسها من أن ${name(address)} لك. اكتب الرموز أو ألصقها بأي ترتيب تصل به.`,
  codeFrom: (authority) => `رمز من ${name(authority)}`,
  codeIncomplete: "يتكون الرمز من ثمانية أحرف وأرقام.",
  mailAgain: "إرسال الرموز مرة أخرى",
  mailedAgain: "رموز جديدة في الطريق.",
  activationCode: "رمز التفعيل",
  activationHelp: "ألصق النص كاملًا كما أُعطي لك.",
  quickCode: "QuickCode",
  quickCodeHelp: "افتح حسابك على جهاز سبق إعداده واختر «إضافة جهاز».",
  pickNumber: "اختر هذا الرقم على جهازك الآخر",
  pickNumberHelp: "سيعرض ثلاثة أرقام. الرقم الصحيح يثبت أن هذا الجهاز أمامك.",
  deviceRefused: "رفض الجهاز الآخر.",
  choosePin: "اختر رمز PIN",
  choosePinHelp: (min, max) => `من ${min} إلى ${max} أرقام. لا يُحفظ في أي مكان، ولا حتى هنا.`,
  repeatPin: "أدخله مرة أخرى",
  repeatPinHelp: "للتأكد من أنه ما قصدته.",
  pinsDiffer: "الرمزان غير متطابقين. اختر من جديد.",
  weakPin: {
    repeated: "سهل التخمين: الأرقام نفسها تتكرر.",
    run: "سهل التخمين: أرقام متتالية.",
    year: "سهل التخمين: يبدو كأنه سنة.",
    pattern: "سهل التخمين: خط على لوحة الأرقام.",
    common: "سهل التخمين: اختاره كثير من الناس.",
  },
  makingKey: (count) => `${authorities(count)} تصنع مفتاحك`,
  makingKeyHelp: "ترسل كل جهة جزءًا واحدًا مختومًا لهذا المتصفح. لا أحد سواك يملك المفتاح كاملًا.",
  stepAsked: "تم الطلب",
  stepChecked: "وصل الجزء وتم التحقق من البرهان",
  stepFailed: "لم تُجب كما ينبغي",
  registering: "جارٍ تسجيل هذا الجهاز…",
  registered: "هذا الجهاز جاهز",
  interrupted: "لم يكتمل بعد",
  interruptedHelp: (user) => `توقف إعداد هذا الجهاز لحساب ${name(user)}.`,
  goOn: "متابعة الإعداد",
};
