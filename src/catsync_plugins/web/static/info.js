// The info panel: the same facts as `catsync info`.

import { el } from "./dom.js";
import * as i18n from "./i18n.js";
import { ask } from "./dialogs.js";
import { describe } from "./states.js";

const { t, bytes } = i18n;

function when(moment, now, none = "info.never") {
  if (!moment) return t(none);
  const time = el("time", { dateTime: new Date(moment * 1000).toISOString() }, i18n.moment(moment));
  return el("span", {}, time, ` (${i18n.ago(moment, now)})`);
}

function nextCheck(row, info, now) {
  if (row.mode !== "offline") return t("info.next-online");
  if (!row.auto_sync) return t("info.next-off");
  if (!info.next_check) return t("info.next-none");
  if (!info.agent) return t("info.next-due");
  return info.next_check <= now ? t("just-now") : i18n.moment(info.next_check);
}

export function factsOf(row, info, now) {
  const installed = info.installed_version !== null;
  const published = (version, date) => t("info.version-of", { version: String(version), date: i18n.day(date) });
  const facts = [
    ["state", describe(row, now, null).status],
    ["mode", t(`info.mode-${row.mode}`)],
    ["version", installed ? published(info.installed_version, info.installed_published) : t("info.none")],
    ["newest", info.head_version === null ? t("info.none") : published(info.head_version, info.head_published)],
    ["downloaded", info.downloaded_at ? t("info.downloaded-of", { date: i18n.moment(info.downloaded_at), size: bytes(info.downloaded_bytes) }) : t("info.never")],
    ["checked", when(info.checked_at, now)],
    ["next", nextCheck(row, info, now)],
    installed
      ? ["size", t("info.size-of", { size: bytes(info.installed_bytes), files: t("info.files", { n: info.installed_files }) })]
      : ["offered-size", t("info.size-of", { size: bytes(info.bytes), files: t("info.files", { n: info.files }) })],
    ["previous", info.previous_version ? `${info.previous_version} (${bytes(info.previous_bytes)})` : t("info.none")],
    row.verified_at ? ["verified", when(row.verified_at, now)] : null,
    row.expires ? ["expires", i18n.moment(row.expires)] : null,
    ["path", info.path || t("info.none")],
    ["repository", info.repository || t("info.none")],
    ["id", info.catalog],
    ["problem", info.problem ? t("info.problem-of", { message: info.problem, code: info.problem_code || "-" }) : t("info.none")],
  ];
  return facts.filter(Boolean);
}

export function showInfo(row, info, { verify, copied }) {
  const now = Date.now() / 1000;
  const facts = factsOf(row, info, now);
  const list = el("dl", { className: "info-list" }, ...facts.map(([key, value]) => el("div", { data: { fact: key } },
    el("dt", {}, t(`info.${key}`)), el("dd", { dir: "auto" }, value))));
  const copy = async () => {
    const text = facts.map(([key, value]) => `${t(`info.${key}`)}: ${value.textContent ?? value}`).join("\n");
    await navigator.clipboard.writeText(`${row.title}\n${text}\n`);
    copied();
  };
  const actions = [{ label: t("do.close"), value: "" }, { label: t("do.copy"), run: copy }];
  if (row.installed_version !== null && !row.job) actions.push({ label: t("do.verify"), value: "verify" });
  return ask({ title: t("info.title", { title: row.title }), body: [list], actions, sheet: true })
    .then((answer) => { if (answer === "verify") verify(); });
}
