/** The account page, at `/`. @module */
import "../account.ts";
import { startLanguage } from "../language-picker.ts";

startLanguage();
