/* What happens while a page is open: a task's events, and the states of agents. One stream a tab;
   every page works without it. What comes is markup that the server made and escaped. */
(() => {
  "use strict";

  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // The browser comes back by itself after a break, with the number of the last event that it has.
  // It does not where it was refused: then the page is asked why.
  function watch(address, page, listeners) {
    let wait = 1000;
    let stream = null;
    let timer = 0;

    function open() {
      stream = new EventSource(address());
      stream.addEventListener("open", () => {
        wait = 1000;
        listeners.state("live");
      });
      stream.addEventListener("error", () => {
        listeners.state("reconnecting");
        if (stream.readyState === EventSource.CLOSED) ask();
      });
      for (const [name, listener] of Object.entries(listeners.events)) {
        stream.addEventListener(name, (event) => listener(JSON.parse(event.data), event));
      }
      stream.addEventListener("end", (event) => ended(JSON.parse(event.data).reason));
    }

    async function ask() {
      const answer = await fetch(page, { method: "HEAD", redirect: "manual" }).catch(() => null);
      if (answer?.type === "opaqueredirect") return ended("signed_out");
      if (answer?.status === 404 || answer?.status === 403) return ended("no_access");
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, 30000);
    }

    function ended(reason) {
      if (reason === "slow" || reason === "unknown") return; // it comes back by itself
      close();
      if (reason === "suspended") return location.reload();
      if (reason === "signed_out") return shut("You are signed out", "Sign in again", page);
      if (reason === "no_access") return shut("You no longer have access to this", "Go to your workspaces", "/");
      listeners.state("gone");
    }

    function close() {
      clearTimeout(timer);
      stream.close();
    }

    addEventListener("pagehide", close);
    open();
    return close;
  }

  // Whoever looks now may be somebody else.
  function shut(words, action, address) {
    const panel = document.createElement("div");
    panel.className = "refusal panel";
    const heading = document.createElement("h1");
    heading.textContent = words;
    heading.tabIndex = -1;
    const way = document.createElement("p");
    way.className = "actions";
    const link = document.createElement("a");
    link.className = "button primary";
    link.href = address;
    link.textContent = action;
    way.append(link);
    panel.append(heading, way);
    find("main").replaceChildren(panel);
    document.title = words;
    heading.focus();
  }

  // --- a task -----------------------------------------------------------------------------------

  const ROWS = 2000; // in the page at once; what came before is a link away
  const NEAR = 40; // pixels from the end within which one still follows it
  const SUMMARY_MS = 10000;
  const WORDS = {
    live: "live", reconnecting: "reconnecting…", ended: "ended", gone: "This task is no longer here.",
  };

  function watchTask(section) {
    const { stream, kinds, zone, page } = section.dataset;
    const wanted = kinds ? new Set(kinds.split(" ")) : null;
    const log = find("#events");
    const follow = find("[data-follow]");
    const summary = find("[data-live-summary]", section);
    const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "medium" });
    let last = Number(section.dataset.last);
    let parts = JSON.parse(section.dataset.parts);
    let waiting = []; // events that are not in the page yet
    let painted = 0; // the request for the next frame
    let following = true;
    let unseen = 0;
    let unsaid = 0;
    let isLong = false; // more came since the last frame than the page holds
    let isCut = false; // events came that are not in the page, because somebody reads an earlier one

    const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;

    function state(name) {
      const shown = find("[data-live-state]", section);
      shown.textContent = WORDS[name];
      shown.dataset.is = name;
    }

    function step({ kind, html }, { lastEventId }) {
      take(Number(lastEventId));
      if (!wanted || wanted.has(kind)) paintLater(html);
    }

    function gap({ begins, ends }, { lastEventId }) {
      take(Number(lastEventId));
      const link = document.createElement("a");
      link.href = `${page}?after=${begins - 1}`;
      link.textContent = `Events ${begins} to ${ends} are left out here: load them`;
      const row = document.createElement("div");
      row.className = "step gap";
      row.append(link);
      paintLater(row.outerHTML);
    }

    function take(number) {
      last = number;
      unsaid += 1;
    }

    function paintLater(html) {
      waiting.push(html);
      if (waiting.length > ROWS) {
        waiting = waiting.slice(-ROWS);
        isLong = true;
      }
      if (!painted) painted = document.hidden ? setTimeout(paint, 500) : requestAnimationFrame(paint);
    }

    // All that has come since the last frame, at once.
    function paint() {
      painted = 0;
      const rows = waiting;
      waiting = [];
      const room = following ? rows.length : Math.max(ROWS - log.childElementCount, 0);
      if (room < rows.length || (isLong && !following)) isCut = true;
      const made = document.createElement("template");
      made.innerHTML = rows.slice(0, room).join("");
      all("time", made.content).forEach(setClock);
      log.append(made.content);
      find("[data-none-yet]", section)?.remove();
      if (following) {
        trim(isLong);
        isLong = false;
        log.scrollTop = log.scrollHeight;
      } else {
        unseen += rows.length;
        showUnseen();
      }
      find("[data-live-count]", section).textContent = `${last} event${last === 1 ? "" : "s"}`;
    }

    function setClock(time) {
      time.textContent = clock.format(new Date(time.dateTime));
    }

    function trim(isShort = false) {
      const extra = log.childElementCount - ROWS;
      if (extra <= 0 && !isShort) return;
      for (let count = 0; count < extra; count += 1) log.firstElementChild.remove();
      if (find("[data-older]", section)) return setOlder();
      const link = document.createElement("a");
      link.className = "older-events";
      link.dataset.older = "";
      link.textContent = "Earlier events";
      log.before(link);
      setOlder();
    }

    function setOlder() {
      const first = find(".step[id]", log)?.id.replace("event-", "") ?? last;
      find("[data-older]", section).href = `${page}?before=${first}`;
    }

    function showUnseen() {
      follow.hidden = following || !unseen;
      follow.textContent = `↓ ${unseen.toLocaleString("en")} new`;
    }

    log.addEventListener("scroll", () => {
      const now = isAtEnd();
      if (now === following) return;
      if (now && isCut) return; // the end of the page is not the end of the events
      following = now;
      unseen = following ? 0 : unseen;
      showUnseen();
    }, { passive: true });

    follow.addEventListener("click", () => {
      if (isCut) return location.assign(page);
      following = true;
      unseen = 0;
      showUnseen();
      trim();
      log.scrollTop = log.scrollHeight;
      log.focus();
    });

    function status(told) {
      const words = find("[data-status-words]");
      if (words.textContent !== told.words) {
        words.textContent = told.words;
        document.title = document.title.replace(/^[^·]*/, `${told.words} `);
        summary.textContent = told.words;
      }
      find("[data-status-totals]").textContent = told.totals;
      for (const [label, text, percent] of told.meters) {
        const meter = all("[data-meter]").find((one) => one.dataset.meter === label);
        if (!meter) continue;
        find("span", meter).textContent = text;
        find("meter", meter).value = percent;
        find("meter", meter).setAttribute("aria-label", `${label}: ${text}`);
        meter.classList.toggle("close", percent >= 80);
      }
      for (const [name, mark] of Object.entries(told.parts)) {
        if (parts[name] !== mark) htmx.trigger(document.body, `${name}Changed`);
      }
      parts = told.parts;
      if (!told.unfinished && last >= told.events) {
        close();
        state("ended");
      }
    }

    setInterval(() => {
      if (unsaid) summary.textContent = `${unsaid} new event${unsaid === 1 ? "" : "s"}, ${last} in all`;
      unsaid = 0;
    }, SUMMARY_MS);

    setInterval(() => {
      const meter = find("[data-since]");
      if (!meter) return;
      const most = Number(meter.dataset.seconds);
      const ran = Math.max(Math.round((Date.now() - new Date(meter.dataset.since)) / 1000), 0);
      find("span", meter).textContent = `${inWords(ran)} of ${inWords(most)}`;
      find("meter", meter).value = Math.min((ran * 100) / most, 100);
      meter.classList.toggle("close", ran >= most * 0.8);
    }, 1000);

    log.scrollTop = log.scrollHeight;
    const close = watch(() => `${stream}&after=${last}`, page, { state, events: { step, gap, status } });
  }

  function inWords(seconds) {
    if (seconds < 120) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  // --- the fleet --------------------------------------------------------------------------------

  function watchFleet(element) {
    function fleet({ agents }) {
      for (const row of all("[data-agent]")) {
        const told = agents[row.dataset.agent];
        if (!told) continue;
        set(find("[data-agent-state]", row), told.state);
        if (told.task) set(find("[data-agent-task]", row), told.task);
      }
    }
    const set = (cell, html) => {
      if (cell && cell.innerHTML.trim() !== html.trim()) cell.innerHTML = html;
    };
    watch(() => element.dataset.fleetStream, location.href, { state: () => {}, events: { fleet } });
  }

  const task = find("[data-stream]");
  if (task) watchTask(task);
  const list = find("[data-fleet-stream]");
  if (list) watchFleet(list);
})();
