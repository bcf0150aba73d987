// The monitor as it happens. Where the stream does not come through, the part goes on polling by itself.
(() => {
  "use strict";

  const way = document.getElementById("monitor-way");
  const part = () => document.getElementById("monitor");
  if (!way || !part() || !window.EventSource) return;

  const AGAIN = 10_000; // after a refusal, such as too many streams; what is only cut off comes again by itself
  let source = null;
  let later = 0;

  const isLive = () => source !== null && source.readyState === EventSource.OPEN;
  const say = () => {
    const text = isLive() ? way.dataset.live : way.dataset.polled;
    if (way.textContent !== text) way.textContent = text;
  };

  // What somebody has opened or picked stays so in the newer part.
  const show = (html) => {
    const old = part();
    const opened = [...old.querySelectorAll("details")].map((one) => one.open);
    const picked = [...old.querySelectorAll("input[type='radio']:checked")].map((one) => one.id);
    htmx.swap(old, html, { swapStyle: "outerHTML", swapDelay: 0, settleDelay: 0 });
    part().querySelectorAll("details").forEach((one, place) => { one.open = opened[place] ?? false; });
    picked.forEach((id) => { const one = document.getElementById(id); if (one) one.checked = true; });
  };

  const close = () => {
    clearTimeout(later);
    source?.close();
    source = null;
    say();
  };

  const open = () => {
    close();
    if (document.hidden) return;
    const { range, version } = part().dataset;
    source = new EventSource(`${way.dataset.stream}?${new URLSearchParams({ range, v: version })}`);
    source.onopen = say;
    source.onmessage = (event) => show(event.data);
    source.onerror = () => {
      say();
      if (source?.readyState === EventSource.CLOSED) later = setTimeout(open, AGAIN);
    };
  };

  document.addEventListener("visibilitychange", open);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === part() && isLive()) event.preventDefault();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  open();
})();
