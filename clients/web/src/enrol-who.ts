/**
 * The first screen of setting up a device: who, what to call it, and by which way to show it.
 * @module
 */
import { html, nothing, type TemplateResult } from "lit";
import { deviceLabel } from "./device-label.ts";
import { WAYS, type Way } from "./enrol-flow.ts";
import type { EnrolTalk, Who } from "./enrol-talk.ts";
import { arrow, phone } from "./icons.ts";
import { key, mail, person } from "./icons-setup.ts";
import { passkeysOffered } from "./passkeys-offered.ts";
import type { SetupTexts } from "./setup-texts/texts.ts";

/** @param said - what was wrong with the address; empty when nothing was */
export function whoScreen(
  setup: SetupTexts,
  talk: EnrolTalk,
  said: string,
  begin: (way: Way, who: Who) => void,
): TemplateResult {
  const { ways = [], authorities = [], service } = talk.flow ?? {};
  const provider = service?.openId?.name ?? "";
  const wayTexts: Record<Way, readonly [TemplateResult, string, string]> = {
    email: [mail, setup.byEmail, setup.byEmailHelp(authorities.length)],
    openid: [person, setup.byOpenId(provider), setup.byOpenIdHelp(provider)],
    activation: [key, setup.byActivation, setup.byActivationHelp],
    "quick-code": [phone, setup.byQuickCode, setup.byQuickCodeHelp],
  };
  const clicked = (event: Event): void => {
    const { form, dataset } = event.currentTarget as HTMLButtonElement;
    const way = WAYS.find((each) => each === dataset["way"]);
    if (form && way) begin(way, typedInto(form, setup));
  };
  return html`<form class="stack" novalidate @submit=${(event: Event) => event.preventDefault()}>
    <div class="field">
      <label for="user">${setup.emailAddress}</label>
      <input
        id="user"
        type="email"
        name="email"
        autocomplete="email"
        autocapitalize="none"
        spellcheck="false"
        dir="ltr"
        data-focus
        required
        value=${talk.user}
        aria-invalid=${said === "" ? "false" : "true"}
        aria-describedby="user-wrong"
      />
      <p class="wrong" id="user-wrong" role="alert">${said}</p>
    </div>
    <div class="field">
      <label for="label">${setup.deviceName}</label>
      <input id="label" type="text" maxlength="64" autocomplete="off" value=${deviceLabel(setup)} aria-describedby="label-help" />
      <p class="help" id="label-help">${setup.deviceNameHelp}</p>
    </div>
    ${
      passkeysOffered()
        ? html`<label class="option">
            <input id="passkey" type="checkbox" aria-labelledby="passkey-name" aria-describedby="passkey-help" />
            <span><span class="main" id="passkey-name">${setup.alsoPasskey}</span><span class="side" id="passkey-help">${setup.alsoPasskeyHelp}</span></span>
          </label>`
        : nothing
    }
    <fieldset class="tight">
      <legend><h2>${setup.howToConfirm}</h2></legend>
      ${ways.map((way) => {
        const [icon, name, help] = wayTexts[way];
        return html`<button class="choice" type="button" data-way=${way} @click=${clicked}>
          <span class="face">${icon}</span>
          <span><span class="main">${name}</span><span class="side">${help}</span></span>
          ${arrow}
        </button>`;
      })}
    </fieldset>
  </form>`;
}

function typedInto(form: HTMLFormElement, setup: SetupTexts): Who {
  const input = (id: string) => form.querySelector<HTMLInputElement>(id);
  return {
    user: input("#user")?.value.trim().toLowerCase() ?? "",
    label: input("#label")?.value.trim().replace(/\s+/g, " ") || deviceLabel(setup),
    passkey: input("#passkey")?.checked === true,
  };
}
