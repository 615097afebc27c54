/** Arabic. @module */
import type { AccountTexts } from "./texts.ts";

/** Keeps a name that is written from left to right in its place. */
const name = (text: string) => `\u2068${text}\u2069`;
const WORDS = ["لا", "جهة مستقلة واحدة", "جهتان مستقلتان", "ثلاث جهات مستقلة", "أربع جهات مستقلة", "خمس جهات مستقلة"];

export const texts: AccountTexts = {
  demoTitle: "رمز PIN يكفي",
  demoLead: (count) =>
    `بلا كلمة مرور، وبلا قائمة كلمات مرور تُسرق: ${WORDS[count] ?? `${count} جهة مستقلة`} تصنع كل منها جزءًا من مفتاحك، ولا يملك المفتاح كاملًا إلا هذا المتصفح.`,
  you: "أنت",
  user: "الحساب",
  device: "الجهاز",
  identity: "المعرّف",
  since: "وقت الدخول",
  logOut: "تسجيل الخروج",

  devices: "أجهزتك",
  thisDevice: "هذا الجهاز",
  neverUsed: "لم يُستخدم بعد",
  isRevoked: "مُبطَل",
  lastLogin: (when) => `آخر استخدام ${name(when)}`,
  rename: "تغيير الاسم",
  newName: (label) => `اسم جديد لـ ${name(label)}`,
  save: "حفظ",
  revoke: "إبطال",
  revokeAsk: (label) => `إبطال ${name(label)}؟`,
  revokeHelp: "لن يستطيع تسجيل الدخول أبدًا. ويمكنك إعداده من جديد.",

  addDevice: "إضافة جهاز",
  addDeviceHelp: "افتح هذا الموقع على الجهاز الجديد واختر «إعداد هذا الجهاز» ثم «QuickCode» واكتب:",
  makeCode: "إظهار رمز QuickCode",
  waitingForClaim: "في انتظار الجهاز الجديد…",
  wantsToJoin: (label) => `الجهاز «${name(label)}» يريد الانضمام`,
  whichNumber: "أي رقم يظهر عليه؟",
  noneOfThese: "لا شيء منها",
  pinToApprove: "أدخل رمز PIN للموافقة",
  approved: "تمت الموافقة. تابع على الجهاز الجديد.",
  notApproved: "لم تتم الموافقة. لا يحصل الجهاز الجديد على شيء.",

  approvals: "بانتظار موافقتك",
  approvalsHelp: "يطلب أحد التطبيقات تأكيدك. وافق فقط على ما بدأته بنفسك.",
  approve: "موافقة",
  decline: "رفض",
  approvalGiven: "تمت الموافقة.",
  approvalDeclined: "تم الرفض.",

  whatTheySaw: "ما رأته كل جهة",
  whatTheySawHelp:
    "من السجل العلني لكل جهة. تعرف الجهة أنها صنعت جزءًا من مفتاحك وأنها تسمح باستخدامه. أما متى وأين تسجّل الدخول فلا تعرفه أبدًا.",
  sawNothing: "لا شيء عن هذا الجهاز.",
  notReached: "لا يمكن الوصول إليها الآن.",
  entry: (number) => `القيد ${number}`,
  actions: { issue: "صنعت جزءها من مفتاحك", permit: "منحت إذنًا لفترة", "email-code": "أرسلت رمزًا بالبريد" },
  refresh: "إعادة النظر",

  sign: "توقيع نص",
  signHelp: "ما تراه هو ما يوقَّع، برمز PIN.",
  textToSign: "النص",
  signNow: "توقيع",
  notSignable: "نص عادي فقط لا يتجاوز 4096 حرفًا.",
  pinToSign: "أدخل رمز PIN للتوقيع",
  signed: "تم التوقيع.",
  signedSoFar: "ما وُقّع حتى الآن",

  changePin: "تغيير رمز PIN",
  changePinHelp: "يتغير على هذا الجهاز وحده. لا يعلم به أي خادم.",
  pinNow: "الرمز الحالي",
  pinNew: "الرمز الجديد",
  pinChanged: "من الآن يُعتمد الرمز الجديد.",

  passkey: "مفتاح المرور",
  passkeyHelp: "اختياري: يختم ما يحفظه هذا المتصفح مرة أخرى. من ينسخ ملفاته يحتاج إلى مفتاح المرور إضافة إلى رمز PIN.",
  passkeyUse: "الختم بمفتاح مرور",
  passkeyDone: "تم الختم. من الآن يطلب هذا المتصفح مفتاح المرور أولًا.",
  passkeyOn: "حسابات هذا المتصفح مختومة بمفتاح المرور، ومن دونه تضيع: احتفظ بنسخة احتياطية.",
  passkeyDrop: "إلغاء الختم",
  passkeyDropped: "لم يعد مفتاح المرور مطلوبًا هنا.",

  backup: "نسخة احتياطية",
  backupHelp: "قد تنسى المتصفحات ما تحفظه. ملف مختوم يعيد هذا الحساب، ورمز PIN ليس فيه.",
  passphrase: "عبارة المرور",
  passphraseHelp: (characters) => `لا تقل عن ${characters} حرفًا، والأفضل عدة كلمات.`,
  saveBackup: "حفظ نسخة احتياطية",
  backupSaved: "تم الحفظ.",
  restoreBackup: "استعادة نسخة احتياطية",
  restored: () => "تمت الاستعادة. يمكنك الدخول برمزها.",
  notABackup: "هذه ليست نسخة احتياطية لهذا الموقع.",
  wrongPassphrase: "عبارة المرور لا تفتحها.",

  forget: "إزالة من هذا المتصفح",
  forgetHelp: "قبل أن تتخلى عن هذا الجهاز. ويُبطَل معها أيضًا.",
  forgetAsk: "إزالة هذا الحساب من هذا المتصفح؟",
};
