import { h } from "./dom.ts";

/** A button that turns light to dark and back, whatever the system prefers. */
export function themeButton(): HTMLButtonElement {
  const root = document.documentElement;
  const isDark = (): boolean =>
    (root.dataset["theme"] ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) ===
    "dark";
  const button = h("button", {
    type: "button",
    onclick: () => {
      root.dataset["theme"] = isDark() ? "light" : "dark";
      label();
    },
  });
  const label = (): void => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  };
  label();
  return button;
}
