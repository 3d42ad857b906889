// Shared by the panels of the Training page: states, times, numbers.

const STATES = {
  queued: "waiting", running: "running", finished: "finished", failed: "failed",
  cancelled: "cancelled", interrupted: "interrupted", unknown: "not known",
  unreadable: "unreadable",
};

const badge = (state) => h(`span.g-state.g-is-${state in STATES ? state : "unknown"}`, {}, STATES[state] ?? state);

/** "2 min 5 s" of seconds; the two largest units. */
function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** "5 min ago" of seconds since 1970. */
function ago(began) {
  const s = Math.max(0, Date.now() / 1000 - began);
  if (s < 50) return "just now";
  if (s < 3000) return `${Math.round(s / 60)} min ago`;
  if (s < 79200) return `${Math.round(s / 3600)} h ago`;
  if (s < 86400 * 13) return `${Math.round(s / 86400)} d ago`;
  return new Date(began * 1000).toLocaleDateString("en-CA");
}

/** A number of few digits, as curves and tables show it. */
function short(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001 || size >= 1e5) return value.toExponential(1).replace("e-", "e−").replace("e+", "e");
  return Number(value.toPrecision(size >= 1000 ? 5 : 4)).toString();
}

/** Replace an element's children only where what they show has changed. */
function refill(element, token, make) {
  const now = JSON.stringify(token);
  if (element.dataset.token === now) return false;
  element.dataset.token = now;
  element.replaceChildren(...[make()].flat(Infinity).filter((child) => child !== null && child !== undefined));
  return true;
}
