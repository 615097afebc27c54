/** All parts of the account page, fetched when somebody is logged in. @module */
import "./account-add-device.ts";
import "./account-approvals.ts";
import "./account-authorities.ts";
import "./account-backup.ts";
import "./account-devices.ts";
import "./account-passkey.ts";
import "./account-pin.ts";
import "./account-sign.ts";
import "./account-you.ts";
