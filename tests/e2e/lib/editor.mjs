// The policy editor as a person uses it: a text field, findings below it, and the changed decisions next to it.

/** The field with the policy's text. */
export const field = (page) => page.getByRole("textbox", { name: "policy text" });

/** Replaces the text, as a person who pastes does. */
export async function write(page, text) {
  await field(page).click();
  await page.keyboard.press("Control+a");
  if (text === "") {
    await page.keyboard.press("Delete");
  } else {
    await page.evaluate((text) => navigator.clipboard.writeText(text), text);
    await page.keyboard.press("Control+v");
  }
}

/** The summary of the findings: how many there are, and whether the text could be activated. */
export const verdict = (page) => page.getByRole("region", { name: "findings" }).getByRole("status");

/** The findings, one after the other. */
export const findings = (page) => page.getByRole("region", { name: "findings" }).getByRole("listitem");

/** The part with the recorded actions. */
export const recorded = (page) => page.getByRole("region", { name: "Recorded actions" });

/** The summary of the recorded actions, in one sentence. */
export const headline = (page) => recorded(page).getByRole("status");

/** The part with the samples. */
export const samples = (page) => page.getByRole("region", { name: "Samples" });

/** The button that saves. */
export const save = (page) => page.getByRole("button", { name: /^(save|saving …)$/i });
