// From byte counts to a rate and the time that is left, as calm as they can be told.

const SPAN = 10; // seconds over which the rate is averaged
const PATIENCE = 5; // seconds before a time is told
export const SILENCE = 30; // seconds without a byte that are told

export class Meter {
  #rate = 0; #last = null; #since = null; #news = null;

  /** Take the bytes that are done at a moment (seconds). */
  add(done, now) {
    if (this.#last === null || done < this.#last.done) {
      this.#rate = 0;
      this.#since = this.#news = now;
      this.#last = { done, now };
      return;
    }
    const passed = now - this.#last.now;
    if (done > this.#last.done) this.#news = now;
    if (passed < 0.2) return;
    const momentary = (done - this.#last.done) / passed;
    const age = now - this.#since;
    const weight = 1 - Math.exp(-passed / Math.min(SPAN, Math.max(age, 0.5)));
    this.#rate += weight * (momentary - this.#rate);
    this.#last = { done, now };
  }

  /** Bytes a second; 0 while that is not known. */
  rate(now) {
    return this.#since !== null && now - this.#since >= 1 ? this.#rate : 0;
  }

  /** Seconds left; null while that is not known. */
  left(total, now) {
    if (this.#since === null || now - this.#since < PATIENCE || this.#rate < 1) return null;
    return (total - this.#last.done) / this.#rate;
  }

  silence(now) {
    return this.#news === null ? 0 : now - this.#news;
  }
}
