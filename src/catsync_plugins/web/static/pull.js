// Pull to refresh, by touch only; the button does the same. Scrolling itself is never touched.

import { $, setText } from "./dom.js";
import { t } from "./i18n.js";

const THRESHOLD = 72; // CSS pixels
const LONGEST = 120;

export function watchPull(refresh) {
  const hint = $(".pull"), words = $("span", hint);
  let start = null, pulled = 0;
  const show = (distance) => {
    hint.style.transform = `translateY(${Math.min(distance, LONGEST)}px)`;
    hint.style.opacity = Math.min(1, distance / THRESHOLD);
  };
  const end = () => { start = null; pulled = 0; hint.classList.remove("pulling", "ready"); show(0); };
  addEventListener("touchstart", (event) => {
    const blocked = scrollY > 0 || event.touches.length !== 1 || event.target.closest("dialog, [popover], #files");
    start = blocked ? null : { x: event.touches[0].clientX, y: event.touches[0].clientY };
  }, { passive: true });
  addEventListener("touchmove", (event) => {
    if (!start) return;
    const { clientX, clientY } = event.touches[0];
    pulled = clientY - start.y;
    if (pulled < 0 || Math.abs(clientX - start.x) > Math.max(30, pulled) || scrollY > 0) { end(); return; }
    hint.classList.add("pulling");
    hint.classList.toggle("ready", pulled > THRESHOLD);
    setText(words, t(pulled > THRESHOLD ? "pull.release" : "pull.pull"));
    show(pulled);
  }, { passive: true });
  addEventListener("touchend", () => {
    const far = start && pulled > THRESHOLD;
    end();
    if (far) refresh();
  }, { passive: true });
  addEventListener("touchcancel", end, { passive: true });
}
