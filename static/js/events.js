// The list of events as they happen: the stream says that there is something new, the server renders the rows. Without
// a stream it is asked every few seconds. Nothing moves under who reads: what is new then waits behind a button.
(() => {
  "use strict";

  const live = document.getElementById("events-live");
  const way = document.getElementById("events-way");
  const button = document.getElementById("events-show");
  const rows = document.getElementById("events-rows");
  if (!live || !rows) return;

  const POLL = 5_000; // where the stream does not come through
  const AGAIN = 10_000; // after a refusal, such as too many streams
  const SOONEST = 700; // between two looks, however much happens
  const MOST = 300; // rows on the page; who wants more has the pager

  let position = live.dataset.position;
  let source = null;
  let waiting = []; // rows that are held back, newest first
  let timer = 0;
  let looked = 0;
  let asking = false;
  let opened = 0;

  const isLive = () => source !== null && source.readyState === EventSource.OPEN;
  const isReading = () =>
    document.getElementById("events-table").getBoundingClientRect().top < 0 ||
    rows.contains(document.activeElement) || !(document.getSelection()?.isCollapsed ?? true);

  const say = () => {
    const held = waiting.length > 0;
    const text = held ? way.dataset.held : isLive() ? way.dataset.live : way.dataset.polled;
    if (way.textContent !== text) way.textContent = text;
    button.hidden = !held;
    const number = waiting.length === 1 ? "1 new event" : `${waiting.length} new events`;
    if (held) button.querySelector("span").textContent = `Show ${number}`;
  };

  const put = () => {
    if (!waiting.length) return;
    const fresh = waiting.filter((row) => !document.getElementById(row.id));
    waiting = [];
    rows.prepend(...fresh);
    // The page stays as long as it was made to be; the pager goes on from its end, so only what came live goes.
    const lives = rows.querySelectorAll("tr[data-came]");
    for (let place = MOST; place < lives.length; place += 1) lives[place].remove();
    document.getElementById("events-table").hidden = false;
    document.getElementById("events-none")?.remove();
  };

  const look = async () => {
    if (asking || document.hidden) return;
    asking = true;
    looked = Date.now();
    try {
      const answer = await fetch(`${live.dataset.rows}&after=${position}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      position = answer.headers.get("Hub-Position") ?? position;
      if (answer.status === 204) return;
      const part = document.createElement("template");
      part.innerHTML = await answer.text();
      const fresh = [...part.content.querySelectorAll("tr[id]")].filter((row) => !document.getElementById(row.id));
      fresh.forEach((row) => { row.dataset.came = ""; });
      waiting = [...fresh, ...waiting].slice(0, MOST);
      if (!isReading()) put();
    } catch {
      // Hub is away for a moment; the next look asks for the same.
      source?.close();
    } finally {
      asking = false;
      say();
    }
  };

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { look(); later(); }, Math.max(0, looked + SOONEST - Date.now()));
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!isLive()) look();
      if (!isLive() && Date.now() - opened > AGAIN) open();
      later();
    }, POLL);
  };

  const open = () => {
    source?.close();
    source = null;
    opened = Date.now();
    if (document.hidden || !window.EventSource) return;
    source = new EventSource(`${live.dataset.stream}&after=${position}`);
    source.onopen = () => { say(); soon(); };
    source.onmessage = soon;
    source.onerror = say;
  };

  button.addEventListener("click", () => {
    put();
    say();
    window.scrollTo({ top: 0, behavior: "instant" });
  });
  window.addEventListener("scroll", () => { if (waiting.length && !isReading()) { put(); say(); } }, { passive: true });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); source = null; say(); } else { open(); soon(); }
  });
  window.addEventListener("pagehide", () => { source?.close(); source = null; });
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  open();
  later();
})();
