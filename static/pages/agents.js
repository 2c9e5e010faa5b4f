/* Agents: ticking all of a page, and more rows in the form. Both pages work without it. */
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  function count(form) {
    const boxes = all("input[name=agent]", form);
    const ticked = boxes.filter((box) => box.checked).length;
    const head = form.querySelector("[data-tick-all]");
    head.checked = ticked > 0 && ticked === boxes.length;
    head.indeterminate = ticked > 0 && ticked < boxes.length;
    form.querySelector("[data-ticked]").textContent = ticked ? `${ticked} ticked` : "";
  }

  document.addEventListener("change", ({ target }) => {
    const form = target.closest("[data-bulk]");
    if (!form) return;
    if (target.matches("[data-tick-all]")) {
      all("input[name=agent]", form).forEach((box) => { box.checked = target.checked; });
    }
    count(form);
  });

  // What a swap brings is hidden like the page's own parts that need a script.
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    all("[data-needs-script]", detail.elt).forEach((part) => { part.hidden = false; });
  });

  document.addEventListener("click", ({ target }) => {
    const add = target.closest("[data-add-row]");
    if (!add) return;
    const rows = all("[data-row]", add.closest("[data-rows]"));
    const last = rows.at(-1);
    const made = last.cloneNode(true);
    for (const field of all("input, select", made)) {
      const id = field.id.replace(/\d+$/, String(rows.length + 1));
      made.querySelector(`label[for="${field.id}"]`).htmlFor = id;
      field.id = id;
      field.value = "";
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
    last.after(made);
    made.querySelector("input").focus();
  });
})();
