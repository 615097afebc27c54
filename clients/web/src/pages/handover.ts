/** The page behind a scanned code, at `/h/:id`. @module */
import { MilagroHandover } from "../handover.ts";
import { startLanguage } from "../language-picker.ts";

startLanguage();
const page = new MilagroHandover();
page.code = location.pathname;
document.querySelector("main")?.prepend(page);
