type Child = Node | string | number | undefined | false;
type Properties = Readonly<Record<string, string | number | boolean | undefined | ((event: never) => void)>>;

/**
 * An element with its attributes and children; functions become listeners (`onclick`), `true` an empty attribute, `false` none.
 * Strings become text, never markup.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as (event: Event) => void);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(
    ...children
      .filter((child) => child !== undefined && child !== false)
      .map((child) => (typeof child === "number" ? String(child) : child)),
  );
  return element;
}

/** Text from a file: isolated, so that its writing direction stays its own. */
export function bdi(text: string): HTMLElement {
  return h("bdi", {}, text);
}

/** A section with its heading, reachable by address. */
export function section(id: string, title: string, ...children: readonly Child[]): HTMLElement {
  return h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title),
    ...children,
  );
}

/** Letters of a choice that are shown. */
const OPTION_LENGTH = 60;

/** A labelled choice. */
export function choice(
  label: string,
  options: readonly { readonly value: string; readonly text: string }[],
  onchange: (value: string) => void,
  value = options[0]?.value ?? "",
): HTMLLabelElement {
  const select = h("select", { onchange: () => onchange(select.value) });
  select.append(
    ...options.map((option) =>
      h(
        "option",
        { value: option.value },
        option.text.length > OPTION_LENGTH ? `${option.text.slice(0, OPTION_LENGTH)}…` : option.text,
      ),
    ),
  );
  select.value = value;
  return h("label", { class: "field" }, h("span", {}, label), select);
}

/** A table in a box of its own that scrolls where it is too wide. */
export function tableBox(label: string, table: HTMLTableElement): HTMLElement {
  return h("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 }, table);
}

/** What is not drawn yet, in the order of the page. */
const undrawn = new Set<() => void>();

/** Calls once: when the element comes near the view, when the browser has nothing else to do, or before the page is printed. */
export function whenSeen(element: Element, draw: () => void): void {
  const once = (): void => {
    if (!undrawn.delete(once)) return;
    observer.disconnect();
    // The page may have been drawn anew without it.
    if (element.isConnected) draw();
  };
  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) once();
    },
    { rootMargin: "300px" },
  );
  observer.observe(element);
  undrawn.add(once);
  if (undrawn.size === 1) drawAhead();
}

/** Draws what is left, one after another: a page that is printed early lacks little. */
function drawAhead(): void {
  const next = (): void => {
    const [draw] = undrawn;
    draw?.();
    if (undrawn.size > 0) drawAhead();
  };
  // Not every browser tells when it is idle.
  if ("requestIdleCallback" in globalThis) requestIdleCallback(next);
  else setTimeout(next, 200);
}

/** Draws everything at once. */
export function drawAll(): void {
  for (const draw of [...undrawn]) draw();
}
