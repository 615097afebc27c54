/**
 * A screen that has the texts and the fields of set-up as well.
 * @module
 */
import { type TextTable, textTable } from "./language.ts";
import { Screen } from "./screen.ts";
import { texts as english } from "./setup-texts/en.ts";
import type { SetupTexts } from "./setup-texts/texts.ts";
import { forms } from "./style/forms.ts";
import { TextsController } from "./texts-controller.ts";

const SETUP_TEXTS: TextTable<SetupTexts> = textTable(english, {
  de: () => import("./setup-texts/de.ts"),
  ja: () => import("./setup-texts/ja.ts"),
  ar: () => import("./setup-texts/ar.ts"),
});

export abstract class SetupScreen extends Screen {
  static override styles = [...Screen.styles, forms];
  readonly #setup = new TextsController(this, SETUP_TEXTS);

  protected get setup(): SetupTexts {
    return this.#setup.texts;
  }
}
