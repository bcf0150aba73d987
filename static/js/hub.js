// What the pages need beside htmx. Without it they still work: every action is a form, every poll only a comfort.
(() => {
  "use strict";

  // What only a script does is said only where one runs: base.css hides .needs-script elsewhere.
  document.documentElement.classList.add("scripted");

  const isPoll = (event) => !event.detail.requestConfig.triggeringEvent;

  // A part marked data-hold is not swapped while somebody is at work in it.
  const isHeld = (part) =>
    part.querySelector(":popover-open, dialog[open], input[name='pick']:checked") !== null ||
    [...part.querySelectorAll("input, textarea")].some((field) =>
      field.type === "checkbox" || field.type === "radio"
        ? field.checked !== field.defaultChecked
        : field.type !== "hidden" && field.value !== field.defaultValue);

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isPoll(event)) return;
    const held = event.target.closest("[data-hold]");
    if (document.hidden || (held && isHeld(held))) event.preventDefault();
  });

  // A part marked data-scroll keeps its place when it is swapped for a newer one of the same id.
  const places = new Map();

  document.addEventListener("htmx:beforeSwap", (event) => {
    for (const part of event.detail.target.querySelectorAll("[data-scroll][id]"))
      places.set(part.id, [part.scrollLeft, part.scrollTop]);
  });

  document.addEventListener("htmx:afterSettle", () => {
    for (const [id, [left, top]] of places) document.getElementById(id)?.scrollTo({ left, top, behavior: "instant" });
    places.clear();
  });

  // Toasts: from the server's messages, from HX-Trigger {"toast": {"level", "text"}}, and for answers that did not come.
  const ICONS = { error: "s-failed", warning: "s-degraded", ok: "check", info: "info" };
  const SECONDS = { error: 20, warning: 12 };
  const box = document.getElementById("toasts");

  const leave = (toast) => setTimeout(() => toast.remove(), 1000 * (SECONDS[toast.dataset.level] ?? 6));

  const toast = (level, text) => {
    if (!box || [...box.children].some((other) => other.textContent === text)) return;
    const element = document.createElement("div");
    element.className = "toast";
    element.dataset.level = level;
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("class", "icon");
    icon.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#i-${ICONS[level] ?? "info"}`);
    icon.append(use);
    const words = document.createElement("div");
    words.className = "grow";
    words.textContent = text;
    element.append(icon, words);
    box.append(element);
    leave(element);
  };

  box?.querySelectorAll(".toast").forEach(leave);
  document.addEventListener("toast", (event) => toast(event.detail.level, event.detail.text));
  document.addEventListener("htmx:sendError", () => toast("warning", "Hub does not answer. This page goes on trying."));
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (status >= 500) toast("error", `Hub could not do this (${status}). What was begun was undone.`);
  });

  // data-copy="#id": the text of that element.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const source = button && document.querySelector(button.dataset.copy);
    if (!source) return;
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      toast("ok", "Copied.");
    } catch {
      toast("warning", "The browser did not allow copying. Select the text and copy it.");
    }
  });

  // data-since="<ISO time>": seconds that go on between two polls, which answer nothing while nothing changes.
  const span = (seconds) =>
    seconds < 60 ? `${seconds} s`
      : seconds < 3600 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s`
        : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;

  setInterval(() => {
    if (document.hidden) return;
    document.querySelectorAll("[data-since]").forEach((element) => {
      const text = span(Math.max(0, Math.floor((Date.now() - Date.parse(element.dataset.since)) / 1000)));
      if (element.textContent !== text) element.textContent = text;
    });
  }, 1000);

  // data-max="500": a list that polls append to keeps its newest entries only.
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    const list = event.detail.target?.closest?.("[data-max]");
    while (list && list.children.length > Number(list.dataset.max)) list.firstElementChild.remove();
  });

  // A button marked data-print prints the page.
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
})();
