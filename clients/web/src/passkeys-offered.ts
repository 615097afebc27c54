/** Whether this browser and address can have passkeys at all. @module */

/** Whether it is worth offering. The authenticator may still turn out not to have a PRF. */
export function passkeysOffered(): boolean {
  return typeof PublicKeyCredential === "function" && !/^[\d.]+$|:/.test(location.hostname);
}
