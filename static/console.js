/* What the console does beyond plain pages and htmx. Every page works without it. */
(() => {
  "use strict";

  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const announcer = find("#announcer");
  const user = document.body.dataset.user;

  const csrfToken = () => document.cookie.match(/(?:^|; )(?:__Host-|__Secure-)?csrftoken=([^;]+)/)?.[1];

  // A page from the back/forward cache may belong to somebody who has signed out since.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.documentElement.hidden = true;
    location.reload();
  });

  // --- requests ---------------------------------------------------------------------------------

  // The token is read when it is needed: one in the page may be older than the session.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    delete detail.parameters.csrfmiddlewaretoken;
    if (detail.verb !== "get") detail.headers["X-CSRFToken"] = csrfToken() ?? "";
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.defaultPrevented) return;
    closeNotice();
    event.detail.target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => detail.target.removeAttribute("aria-busy"));

  // Forms that htmx does not send: a second click must not send them twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.hasAttribute("data-signs-out")) forgetDraft();
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    const field = find("[name=csrfmiddlewaretoken]", form);
    if (field) field.value = csrfToken() ?? field.value;
    // not at once: a disabled button's name and value would be left out of the request
    setTimeout(() => all("button", form).forEach((button) => { button.disabled = true; }));
  });

  // A redirect that was followed ends on another page: go there, never paint it into a fragment.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const landed = new URL(detail.xhr.responseURL || location, location);
    if (landed.pathname === new URL(detail.pathInfo.finalRequestPath, location).pathname) return;
    detail.shouldSwap = false;
    location.assign(landed);
  });

  // After a swap the focus goes to the first error, else to what the form names (`data-focus`), else
  // to the heading; `data-done` or `data-announce` is read out. Searching (GET) leaves the focus.
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    const swapped = detail.elt;
    if (keyWaits && swapped.matches(".picker-list") && isOfTyped(swapped)) return useFirst();
    if (detail.requestConfig?.verb === "get") return;
    const asked = detail.requestConfig.elt.dataset;
    const invalid = find("[aria-invalid=true]", swapped);
    const done = find("[data-announce]", swapped)?.textContent.trim() ?? asked.done;
    if (done && !invalid) announcer.textContent = done;
    const theme = find("[data-theme-now]", swapped)?.dataset.themeNow;
    if (theme) document.documentElement.dataset.theme = theme;
    (invalid ?? document.getElementById(asked.focus) ?? find("h1"))?.focus();
  });

  // --- when a request fails ---------------------------------------------------------------------

  const notice = find("#notice");

  function closeNotice() {
    notice.hidden = true;
    notice.replaceChildren();
  }

  function element(tag, text, listener) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (tag === "button") {
      made.type = "button";
      made.className = "small";
      made.addEventListener("click", listener);
    }
    return made;
  }

  function showNotice(text, { detail = "", action, calm = false }) {
    const words = document.createElement("div");
    words.append(element("span", text));
    if (detail) words.append(element("code", detail));
    notice.replaceChildren(words, ...(action ? [action] : []), element("button", "Dismiss", closeNotice));
    notice.classList.toggle("calm", calm);
    notice.hidden = false;
  }

  const reload = () => element("button", "Reload", () => location.reload());

  // Instead of the part that was asked for came the page that says why staff suspended the workspace.
  const suspension = ({ responseText }) =>
    find("[data-suspension]", new DOMParser().parseFromString(responseText, "text/html"))?.textContent;

  document.addEventListener("htmx:responseError", ({ detail }) => {
    closePicker();
    const { xhr } = detail;
    const suspended = xhr.status === 403 && suspension(xhr);
    const id = xhr.getResponseHeader("X-Request-ID");
    const texts = {
      403: suspended ? `Nothing was changed. ${suspended}` : "This was refused: your role may have changed. Nothing was changed.",
      404: "This is no longer here, or you may no longer have access. Nothing was changed.",
      429: "Too many requests in a short time. Wait a moment, then try again.",
    };
    showNotice(texts[xhr.status] ?? "The server could not do this. What you typed is still on the page.", {
      detail: id ? `Request ${id}` : "",
      action: texts[xhr.status] && xhr.status !== 429 ? reload() : retry(detail),
    });
  });

  document.addEventListener("htmx:sendError", ({ detail }) => {
    closePicker();
    showNotice("The server cannot be reached. What you typed is still on the page.", { action: retry(detail) });
  });

  addEventListener("online", closeNotice);

  function retry({ elt, requestConfig }) {
    return element("button", "Try again", () => {
      closeNotice();
      const { type } = requestConfig.triggeringEvent ?? {};
      if (elt.matches("form")) elt.requestSubmit();
      else if (type === "click") elt.click();
      else htmx.trigger(elt, "search");
    });
  }

  // --- text typed into a session that has ended -------------------------------------------------

  // Kept in this tab only, from the redirect to sign-in until the same person is back on the page.
  const DRAFT = "agenhood.draft";
  const TYPED = "textarea, input:not([type]), input[type=text], input[type=search], input[type=email], input[type=url], input[type=number]";

  const forgetDraft = () => sessionStorage.removeItem(DRAFT);

  document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
    const next = detail.xhr.getResponseHeader("HX-Redirect");
    const form = detail.elt.closest("form");
    if (!next || !form || !user || !new URL(next, location).searchParams.has("next")) return;
    const typed = all(TYPED, form).filter((field) => field.name && field.value);
    if (!typed.length) return;
    sessionStorage.setItem(DRAFT, JSON.stringify({
      user, path: location.pathname, form: form.getAttribute("action"),
      fields: typed.map(({ name, value }) => [name, value]),
    }));
  });

  let restored = null;

  function restoreDraft() {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    if (!draft || !user) return;
    if (draft.user !== user) return forgetDraft();
    if (draft.path !== location.pathname) return;
    forgetDraft();
    const form = all("form").find((one) => one.getAttribute("action") === draft.form);
    if (!form) return;
    for (const [name, value] of draft.fields) {
      const field = form.elements[name];
      if (field?.matches?.(TYPED)) field.value = value;
    }
    form.elements[draft.fields[0][0]]?.focus?.();
    restored = form;
    showNotice("Your session had ended. What you typed is back on the page, but not saved yet.", { calm: true });
  }
  restoreDraft();

  // --- leaving a form that is not saved ---------------------------------------------------------

  // Forms that store what is typed into them. A password is asked for again anyway.
  const STORES = "form[method=post]:not([data-bulk], [data-signs-out], [data-stores-nothing], .entrance form)";
  const unsaved = new Set(); // forms that somebody changed, until they are sent

  function differs(field) {
    if (["hidden", "submit", "button"].includes(field.type) || field.autocomplete === "current-password") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.files.length > 0;
    if (field.localName !== "select") return field.value !== field.defaultValue;
    const first = [...field.options].some((option) => option.defaultSelected) || field.multiple ? null : field.options[0];
    return [...field.options].some((option) => option.selected !== (option.defaultSelected || option === first));
  }

  // What came back with errors is the form's own text now, and still saved nowhere.
  const isUnsaved = (form) => form.isConnected && (cameBack(form) || [...form.elements].some(differs));
  const cameBack = (form) => Boolean(find("[aria-invalid=true], .conflict", form));

  const begin = (form) => form?.matches(STORES) && unsaved.add(form);
  begin(restored);
  all(STORES).filter(cameBack).forEach(begin);
  document.addEventListener("input", ({ target }) => begin(target.form));
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!event.defaultPrevented) unsaved.delete(event.detail.elt.closest("form"));
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const leaves = detail.xhr.getResponseHeader("HX-Redirect"); // to sign in: what was typed is kept
    if (!detail.successful && !leaves && detail.requestConfig.verb !== "get") begin(detail.elt.closest("form"));
  });
  document.addEventListener("htmx:load", ({ detail }) => {
    [detail.elt, ...all("form", detail.elt)].filter((one) => one.matches(STORES) && cameBack(one)).forEach(begin);
  });
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented && event.target.method === "post") unsaved.delete(event.target);
    if (event.target.hasAttribute("data-signs-out")) unsaved.clear();
  });
  addEventListener("pagehide", () => unsaved.clear());
  addEventListener("beforeunload", (event) => {
    if ([...unsaved].some(isUnsaved)) event.preventDefault();
  });

  // --- workspace picker -------------------------------------------------------------------------

  const button = find("#picker-button");
  const panel = find("#picker-panel");
  const isOpen = () => Boolean(panel) && !panel.hidden;
  let keyWaits = ""; // Enter or ArrowDown, pressed before the list for the typed text had arrived

  function openPicker() {
    panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    const wait = element("p", "Loading…");
    wait.className = "picker-loading";
    panel.replaceChildren(wait);
  }

  function closePicker({ refocus = false } = {}) {
    if (!isOpen()) return;
    panel.hidden = true;
    panel.replaceChildren(); // the list is asked for anew each time: it may have changed
    button.setAttribute("aria-expanded", "false");
    keyWaits = "";
    if (refocus) button.focus();
  }

  if (button && panel) {
    // Ctrl, Cmd and Shift open the page in another tab or window, as with any link.
    button.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) event.stopImmediatePropagation();
    }, true);

    button.addEventListener("htmx:beforeRequest", (event) => {
      if (event.target !== button) return;
      if (!isOpen()) return openPicker();
      event.preventDefault();
      closePicker({ refocus: true });
    });

    document.addEventListener("click", (event) => {
      if (isOpen() && !event.target.closest(".picker")) closePicker();
    });
    button.parentElement.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !relatedTarget.closest(".picker")) closePicker();
    });
  }

  const listOf = (field) => field.closest("form").parentElement.querySelector(".picker-list");

  const isOfTyped = (list) => list.dataset.query === find("#picker-filter").value.trim();

  function useFirst() {
    const row = find(".picker-list a.picker-row");
    if (keyWaits === "Enter") row?.click();
    else row?.focus();
    keyWaits = "";
  }

  // Another list comes while a row has the focus: to its first row, instead of nowhere.
  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    if (target.matches(".picker-list") && target.contains(document.activeElement)) keyWaits = "ArrowDown";
  });
  document.addEventListener("input", ({ target }) => {
    if (target.id === "picker-filter") keyWaits = ""; // who types on has not chosen yet
  });

  // The same keys in the header's panel and on the page of workspaces.
  document.addEventListener("keydown", (event) => {
    const filter = find("#picker-filter");
    const inFilter = event.target === filter;
    const row = event.target.closest?.(".picker-row");
    if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      return closePicker({ refocus: true });
    }
    if (!filter || (!inFilter && !row)) return;
    const rows = all("a.picker-row", listOf(filter));
    const at = rows.indexOf(row);
    const moves = { ArrowDown: at + 1, ArrowUp: inFilter ? rows.length - 1 : at - 1, Home: 0, End: rows.length - 1 };
    if (inFilter && ["Enter", "ArrowDown"].includes(event.key)) {
      event.preventDefault();
      keyWaits = event.key;
      if (isOfTyped(listOf(filter))) return useFirst();
      htmx.trigger(filter, "search");
    } else if (event.key in moves) {
      if (inFilter && filter.value && (event.key === "Home" || event.key === "End")) return; // the caret's keys
      event.preventDefault();
      (moves[event.key] < 0 ? filter : rows[Math.min(moves[event.key], rows.length - 1)])?.focus();
    } else if (row && event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) {
      filter.focus(); // typing on goes into the filter
    }
  });

  // "Clear the filter" is a link to the whole list; in the open panel it empties the field instead.
  document.addEventListener("click", (event) => {
    const filter = find("#picker-filter");
    if (!event.target.closest?.("[data-clears-filter]") || !filter) return;
    event.preventDefault();
    filter.value = "";
    filter.focus();
    htmx.trigger(filter, "search");
  });

  // --- keyboard shortcuts -----------------------------------------------------------------------

  // Nothing but this one yes or no is kept in the browser for good.
  const SHORTCUTS_OFF = "agenhood.shortcuts-off";
  let lastG = 0;

  document.addEventListener("keydown", (event) => {
    if (localStorage.getItem(SHORTCUTS_OFF)) return;
    const letter = event.key.toLowerCase();
    const chord = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && letter === "k";
    const writing = event.target.closest?.("input, textarea, select, [contenteditable]");
    const plain = !writing && !event.ctrlKey && !event.metaKey && !event.altKey;
    const goes = plain && letter === "w" && event.timeStamp - lastG < 1500;
    if (chord && find("#palette")) {
      event.preventDefault();
      closePicker();
      document.dispatchEvent(new Event("agenhood:go"));
    } else if (chord || goes) {
      event.preventDefault();
      if (!button) find("#picker-filter")?.focus(); // the page of workspaces has it in the page
      else if (!isOpen()) button.click();
    }
    lastG = plain && letter === "g" ? event.timeStamp : 0;
  });

  // --- the page as it opens ---------------------------------------------------------------------

  all("[data-needs-script]").forEach((part) => { part.hidden = false; });

  const toggle = find("#shortcuts");
  if (toggle) {
    toggle.checked = !localStorage.getItem(SHORTCUTS_OFF);
    toggle.addEventListener("change", () => {
      if (toggle.checked) localStorage.removeItem(SHORTCUTS_OFF);
      else localStorage.setItem(SHORTCUTS_OFF, "yes");
    });
  }

  // Shows a page of its own while the console cannot be reached, and keeps nothing else.
  navigator.serviceWorker?.register("/service-worker.js");

  // A plain form that came back with errors, and the pages before sign-in.
  const empty = all(".entrance form input:not([type=hidden])").find((field) => !field.value);
  (find("main [aria-invalid=true]") ?? empty)?.focus();
})();
