// From a row to what it says: one pure function over everything that is known of a catalog. The switch shows the wish,
// the status shows the truth.

import * as i18n from "./i18n.js";
import { SILENCE } from "./meter.js";

const { t, bytes, part } = i18n;

const LOOKS = {
  online: ["cloud", "plain"],
  online_unreachable: ["cloud-off", "plain"],
  gone: ["ban", "warn"],
  waiting: ["clock", "busy"],
  paused: ["pause", "plain"],
  downloading: ["down", "busy"],
  updating: ["down", "busy"],
  verifying: ["search", "busy"],
  repairing: ["wrench", "busy"],
  rolling_back: ["undo", "busy"],
  committing: ["box", "busy"],
  removing: ["trash", "busy"],
  incomplete: ["down", "warn"],
  failed: ["warning", "bad"],
  update_failed: ["warning", "bad"],
  damaged: ["wrench", "bad"],
  untrusted: ["shield", "bad"],
  expired: ["calendar", "warn"],
  update_available: ["up", "news"],
  stale: ["clock", "warn"],
  offline: ["check", "good"],
};

// What the one button does, by label; a function where it depends on more.
const PRIMARY = {
  waiting: (row) => ({ queue: null, network: "retry", retry: "retry" })[row.job?.gate] ?? (row.job?.gate === "queue" ? null : "now"),
  paused: "resume",
  downloading: "pause",
  updating: "pause",
  repairing: "pause",
  incomplete: "resume",
  failed: "retry",
  update_failed: "retry",
  damaged: "repair",
  untrusted: "details",
  expired: "check",
  stale: "check",
  update_available: "update",
  gone: (row) => (row.installed_version === null ? null : "remove"),
};

const PROBLEMS = ["failed", "update_failed", "damaged", "untrusted", "expired", "gone", "incomplete", "stale"];
const UNDER_WAY = ["waiting", "paused", "downloading", "updating", "verifying", "repairing", "rolling_back", "committing", "removing"];
const PAUSABLE = ["waiting", "downloading", "updating", "repairing"];

export const isProblem = (row) => PROBLEMS.includes(row.label);
export const isUnderWay = (row) => UNDER_WAY.includes(row.label);
export const isPausable = (row) => PAUSABLE.includes(row.label);
export const hasUpdate = (row) => row.installed_version !== null && row.head_version !== null
  && row.head_version > Math.max(row.installed_version, row.skipped_version ?? 0);

/** What a row shows: icon, tone, status, detail, primary, progress. */
export function describe(row, now, meter) {
  const label = LOOKS[row.label] ? row.label : "offline";
  const [icon, tone] = LOOKS[label];
  const primary = PRIMARY[label];
  const phase = ["downloading", "updating"].includes(label) ? row.job?.phase : "";
  return {
    icon: { verify: "search", assemble: "box" }[phase] ?? icon,
    tone,
    status: status(row, label, now),
    detail: detail(row, label, now, meter),
    primary: (typeof primary === "function" ? primary(row) : primary) ?? null,
    news: ["update_available", "update_failed"].includes(label) && hasUpdate(row),
    progress: progress(row, label),
  };
}

function status(row, label, now) {
  const job = row.job;
  if (label === "waiting") return waiting(job, now);
  if (label === "offline") return t(row.checked_at ? "status.offline" : "status.offline-unchecked");
  if (label === "stale") return t("status.stale", { n: Math.floor((now - row.checked_at) / 86400) });
  if (label === "expired") return t("status.expired", { day: i18n.day(row.expires) });
  if (label === "damaged" && row.damaged) return t("status.damaged-files", { n: row.damaged });
  if (label === "update_failed") return t("status.update_failed", { version: String(row.installed_version) });
  if (label === "gone" && row.installed_version === null) return t("status.gone-online");
  if ((label === "downloading" || label === "updating") && job?.phase === "verify") return t("status.verifying");
  if ((label === "downloading" || label === "updating") && job?.phase === "assemble") return t("status.committing");
  return t(`status.${label}`);
}

function waiting(job, now) {
  const gate = job?.gate ?? "";
  if (gate === "queue" && job.position) return t("waiting.queue", { n: job.position });
  if (gate === "retry" && job.until > now) return t("waiting.retry", { time: i18n.exact(job.until - now) });
  if (gate === "window" && job.until) return t("waiting.window", { time: i18n.soon(job.until, now) });
  return t(i18n.has(`waiting.${gate}`) && gate !== "window" ? `waiting.${gate}` : "waiting.other");
}

function detail(row, label, now, meter) {
  switch (label) {
    case "online": return line(bytes(row.bytes), t("detail.on-demand"));
    case "online_unreachable": return t("detail.for-visits");
    case "waiting": return line(kept(row) ?? t("detail.size", { size: bytes(toFetch(row)) }), why(row));
    case "paused": return kept(row) ?? t("detail.size", { size: bytes(toFetch(row)) });
    case "incomplete": return kept(row) ?? t("detail.nothing-yet", { size: bytes(row.bytes) });
    case "downloading": case "updating": case "repairing": case "verifying": return working(row, now, meter);
    case "committing": return t("detail.step", { step: 3 });
    case "rolling_back": return row.previous_version ? t("detail.back-to", { version: String(row.previous_version) }) : t("detail.moment");
    case "removing": return t(row.job?.gate ? "detail.removing-later" : "detail.moment");
    case "failed": return line(reason(row), kept(row));
    case "update_failed": return reason(row);
    case "damaged": return t("detail.damaged");
    case "untrusted": return t("detail.untrusted");
    case "expired": return t("detail.expired");
    case "stale": return t("detail.stale");
    case "gone": return t(row.installed_version === null ? "detail.gone-online" : "detail.gone");
    case "update_available": return update(row);
    default: return line(
      t("detail.as-of", { day: i18n.day(row.installed_published) }),
      row.checked_at ? t("detail.checked", { ago: i18n.ago(row.checked_at, now) }) : t("detail.unchecked"),
      row.skipped_version ? t("detail.skipped", { version: String(row.skipped_version) }) : null,
    );
  }
}

const line = (...facts) => facts.filter(Boolean).join(" · ");

function working(row, now, meter) {
  const job = row.job;
  if (!job || job.phase === "" || job.phase === "queued" || job.phase === "plan") return t("detail.preparing");
  if (job.kind !== "verify" && ["decode", "assemble", "verify"].includes(job.phase)) return t("detail.step", { step: 2 });
  if (!job.total) return t("detail.preparing");
  const facts = [part(job.done, job.total)];
  if (meter) {
    if (meter.silence(now) >= SILENCE) facts.push(t("detail.silence", { n: SILENCE }));
    else {
      const rate = meter.rate(now), left = meter.left(job.total, now);
      if (rate > 0) facts.push(i18n.rate(rate));
      if (left !== null) facts.push(t("detail.left", { time: i18n.duration(left) }));
    }
  }
  return line(...facts);
}

/** What has arrived, of a job that rests. */
function kept(row) {
  const total = row.job?.total || toFetch(row), done = row.job?.done || row.kept_bytes;
  return done && total ? t("detail.kept", { part: part(Math.min(done, total), total) }) : null;
}

export const toFetch = (row) => row.job?.total || (row.installed_version === null ? row.bytes : row.update?.bytes ?? row.bytes);

function why(row) {
  const gate = row.job?.gate;
  return gate === "policy" || gate === "consent" || gate === "space" ? row.job.reason : null;
}

/** Why it failed, in the user's language where the error is a known one. */
export function reason(row) {
  const key = `error.${row.problem_code}`;
  return i18n.has(key) ? t(key) : row.problem || t("error.other");
}

function update(row) {
  const size = row.update;
  if (!size) return t("detail.version", { version: String(row.head_version) });
  return line(
    t("detail.version", { version: String(row.head_version) }),
    bytes(size.bytes),
    t("detail.counts", { changed: size.changed, added: size.added, removed: size.removed }),
  );
}

// Shares of the bar: it must not go back from one step to the next.
const SHARES = { plan: [0, 0], fetch: [0, 0.9], decode: [0.9, 0.92], assemble: [0.92, 0.95], verify: [0.95, 0.99], commit: [0.99, 0.99] };

/** null: no bar; value null: it moves, and nobody knows how far it is. */
function progress(row, label) {
  const job = row.job;
  if (!job || !isUnderWay(row) || label === "removing" || label === "rolling_back") return null;
  if (label === "committing") return { value: SHARES.commit[0], text: t("status.committing"), still: false };
  const still = label === "waiting" || label === "paused";
  const text = job.total ? part(job.done, job.total) : "";
  const fraction = job.total ? Math.min(1, job.done / job.total) : 0;
  if (job.kind === "verify") return { value: fraction, text, still };
  if (still) {
    const total = toFetch(row), done = job.done || row.kept_bytes;
    return { value: total ? 0.9 * Math.min(1, done / total) : 0, text: kept(row) ?? "", still };
  }
  const [from, to] = SHARES[job.phase] ?? SHARES.plan;
  return { value: from + (to - from) * fraction, text, still };
}
