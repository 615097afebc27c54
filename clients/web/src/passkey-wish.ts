/**
 * Whether the person wants a passkey once the device is set up: kept in the tab, so that it survives a reload and the way over an
 * OpenID provider.
 * @module
 */
const WISH = "milagro-passkey";

export function wishForPasskey(wanted: boolean): void {
  if (wanted) sessionStorage.setItem(WISH, "yes");
  else sessionStorage.removeItem(WISH);
}

/** And forgets it. */
export function takePasskeyWish(): boolean {
  const wanted = sessionStorage.getItem(WISH) === "yes";
  sessionStorage.removeItem(WISH);
  return wanted;
}
