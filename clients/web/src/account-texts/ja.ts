/** Japanese. @module */
import type { AccountTexts } from "./texts.ts";

export const texts: AccountTexts = {
  demoTitle: "PINだけで十分です",
  demoLead: (count) =>
    `パスワードも、盗まれるパスワードの一覧もありません。${count}つの独立した機関がそれぞれ鍵の一部を作り、全体を持つのはこのブラウザーだけです。`,
  you: "あなた",
  user: "アカウント",
  device: "端末",
  identity: "識別名",
  since: "ログイン日時",
  logOut: "ログアウト",

  devices: "あなたの端末",
  thisDevice: "この端末",
  neverUsed: "未使用",
  isRevoked: "失効済み",
  lastLogin: (when) => `最終利用：${when}`,
  rename: "名前を変更",
  newName: (label) => `「${label}」の新しい名前`,
  save: "保存",
  revoke: "失効させる",
  revokeAsk: (label) => `「${label}」を失効させますか`,
  revokeHelp: "この端末では二度とログインできません。設定し直すことはできます。",

  addDevice: "端末を追加",
  addDeviceHelp:
    "新しい端末でこのサイトを開き、「この端末を設定する」、次に「QuickCode」を選んで、次のコードを入力してください：",
  makeCode: "QuickCodeを表示",
  waitingForClaim: "新しい端末を待っています…",
  wantsToJoin: (label) => `「${label}」が追加を求めています`,
  whichNumber: "その端末にはどの番号が出ていますか",
  noneOfThese: "どれでもない",
  pinToApprove: "承認するにはPINを入力してください",
  approved: "承認しました。新しい端末で続けてください。",
  notApproved: "承認しませんでした。新しい端末には何も渡りません。",

  approvals: "承認待ち",
  approvalsHelp: "アプリケーションが確認を求めています。ご自身で始めた操作だけを承認してください。",
  approve: "承認する",
  decline: "拒否する",
  approvalGiven: "承認しました。",
  approvalDeclined: "拒否しました。",

  whatTheySaw: "各機関が見たもの",
  whatTheySawHelp:
    "各機関の公開記録より。機関が知るのは、鍵の一部を作り、その利用を認めたことだけです。いつどこでログインしたかは知りません。",
  sawNothing: "この端末についての記録はありません。",
  notReached: "今は接続できません。",
  entry: (number) => `記録 ${number}`,
  actions: { issue: "鍵の一部を作成", permit: "期間の許可を発行", "email-code": "コードをメール" },
  refresh: "もう一度見る",

  sign: "文章に署名する",
  signHelp: "見えているとおりの文章に、PINで署名します。",
  textToSign: "文章",
  signNow: "署名する",
  notSignable: "4096文字までの通常の文字だけが使えます。",
  pinToSign: "署名するにはPINを入力してください",
  signed: "署名しました。",
  signedSoFar: "これまでの署名",

  changePin: "PINの変更",
  changePinHelp: "この端末の中だけで変わります。サーバーには伝わりません。",
  pinNow: "現在のPIN",
  pinNew: "新しいPIN",
  pinChanged: "これからは新しいPINをお使いください。",

  passkey: "パスキー",
  passkeyHelp:
    "任意：このブラウザーの保存内容をもう一度封印します。ファイルをコピーした人には、PINのほかにパスキーも必要になります。",
  passkeyUse: "パスキーで封印する",
  passkeyDone: "封印しました。今後このブラウザーは最初にパスキーを求めます。",
  passkeyOn:
    "このブラウザーのアカウントはパスキーで封印されています。パスキーを失うと開けません。バックアップを保管してください。",
  passkeyDrop: "封印をやめる",
  passkeyDropped: "ここではパスキーは不要になりました。",

  backup: "バックアップ",
  backupHelp:
    "ブラウザーは保存したものを失うことがあります。封をしたファイルがあればアカウントを戻せます。PINは含まれません。",
  passphrase: "パスフレーズ",
  passphraseHelp: (characters) => `${characters}文字以上。複数の単語がおすすめです。`,
  saveBackup: "バックアップを保存",
  backupSaved: "保存しました。",
  restoreBackup: "バックアップから戻す",
  restored: () => "戻しました。そのPINでログインできます。",
  notABackup: "このサイトのバックアップではありません。",
  wrongPassphrase: "パスフレーズが違います。",

  forget: "このブラウザーから削除",
  forgetHelp: "端末を手放す前に。同時に失効します。",
  forgetAsk: "このアカウントをこのブラウザーから削除しますか",
};
