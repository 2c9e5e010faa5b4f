/* Going somewhere by typing. The header's button is a link to the same as a page; this opens it as a
   dialog, with the keys of a combobox. Ctrl-K comes from console.js, which knows whether shortcuts
   are turned off. */
(() => {
  "use strict";

  const dialog = document.querySelector("#palette");
  const button = document.querySelector("#palette-button");
  if (!dialog || !button) return;
  const field = dialog.querySelector("#palette-field");
  const count = dialog.querySelector("#palette-count");
  const list = () => dialog.querySelector(".palette-list");
  const options = () => [...dialog.querySelectorAll("[role=option]")];
  let enterWaits = false; // Enter was pressed before the list for the typed text had arrived
  let leaving = false;

  function open() {
    if (dialog.open) return field.select();
    field.value = "";
    enterWaits = leaving = false;
    dialog.showModal();
    htmx.trigger(field, "search"); // anew each time: what there is may have changed
  }

  function close() {
    if (dialog.open) dialog.close();
  }

  function choose(option) {
    options().forEach((one) => one.setAttribute("aria-selected", String(one === option)));
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  const chosen = () => dialog.querySelector("[aria-selected=true]");
  const isCurrent = () => field.value.trim() === list()?.dataset.query;

  function go(option) {
    enterWaits = false;
    leaving = Boolean(option);
    option?.click();
  }

  if (/Mac|iP/.test(navigator.platform)) button.querySelector("kbd").textContent = "⌘ K";

  document.addEventListener("agenhood:go", open);
  button.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in another tab, as any link
    event.preventDefault();
    open();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close(); // beside it
  });
  // What failed is told by the page's notice, which the dialog would cover.
  document.addEventListener("htmx:responseError", close);
  document.addEventListener("htmx:sendError", close);

  dialog.addEventListener("htmx:afterSettle", () => {
    choose(options()[0]);
    const found = options().length;
    field.setAttribute("aria-expanded", String(found > 0));
    count.textContent = found === 1 ? "1 place found" : `${found} places found`;
    if (enterWaits && isCurrent()) go(options()[0]);
  });
  // The field has no name: it is in no form, and must not be taken for the page's own search.
  dialog.addEventListener("htmx:configRequest", ({ detail }) => { detail.parameters.q = field.value; });
  dialog.addEventListener("htmx:beforeRequest", (event) => {
    if (leaving) event.preventDefault(); // it would only be broken off
  });

  field.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.indexOf(chosen());
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1 };
    if (event.key in moves && all.length) {
      event.preventDefault();
      choose(all[(moves[event.key] + all.length) % all.length]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (isCurrent()) return go(chosen());
      enterWaits = true;
      htmx.trigger(field, "search");
    } else if (event.key === "Escape") {
      event.preventDefault(); // a search field would only empty itself
      close();
    }
  });
})();
