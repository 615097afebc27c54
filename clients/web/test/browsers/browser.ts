/**
 * One small interface over three real browsers, as far as tests need it. Scripts are source text: they run in the page.
 * @module
 */

/** Keys that are no characters, by their DOM names. */
export type NamedKey =
  | "Tab"
  | "Shift+Tab"
  | "Enter"
  | "Backspace"
  | "Delete"
  | "Escape"
  | "Space"
  | "ArrowDown"
  | "ArrowUp";

export interface Page {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Evaluates an expression, which may be a promise, and returns its JSON value. */
  evaluate<T>(expression: string): Promise<T>;
  press(key: NamedKey): Promise<void>;
  /** Types characters where the focus is. */
  type(text: string): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  screenshot(): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface BrowserEngine {
  readonly name: "chromium" | "firefox" | "webkit";
  /** Why it cannot run here, or undefined. */
  missing(): string | undefined;
  /** A page with storage of its own. */
  open(): Promise<Page>;
  close(): Promise<void>;
}

/** The browser itself no longer answers: nothing is known of the page. */
export class BrowserHungError extends Error {
  override readonly name = "BrowserHungError";
  constructor(command: string) {
    super(`the browser does not answer: ${command}`);
  }
}

/** Waits until an expression in the page is truthy; a page that is just being left counts as not yet. */
export async function until<T>(page: Page, expression: string, timeoutMs = 15_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await page.evaluate<T>(expression);
      if (value) return value;
    } catch (error) {
      if (error instanceof BrowserHungError) throw error;
      cause = error;
    }
    if (Date.now() > end) throw new Error(`never true in the page: ${expression}`, { cause });
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
