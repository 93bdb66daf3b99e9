// recording.js: the sound of a session as the server got it, kept in this browser so that it can be played back.
// What is hidden of it is overwritten, so that nothing of it is left here. Invariant: never more than RECORDING_MAX_S of it; of a longer session the beginning is gone, and `offset` says how much.

export const RECORDING_MAX_S = 3600;
const BLOCK_S = 10;
const HEADER_BYTES = 44;
const TONE_HZ = 1000;
const TONE_LEVEL = 1600; // of 32767: heard, and not louder than speech

export class Recording {
  #blocks = []; // Int16Array of BLOCK_S each; the last one is filled up to #filled
  #filled = 0;
  #dropped = 0; // samples that are gone

  constructor(rate) {
    this.rate = rate;
    this.blockSamples = Math.round(rate * BLOCK_S);
  }

  // Seconds of the session that are gone, and seconds that are here.
  get offset() {
    return this.#dropped / this.rate;
  }
  get duration() {
    return this.#samples() / this.rate;
  }

  add(samples) {
    for (let at = 0; at < samples.length;) {
      if (this.#blocks.length === 0 || this.#filled === this.blockSamples) this.#newBlock();
      const part = samples.subarray(at, at + this.blockSamples - this.#filled);
      this.#blocks.at(-1).set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
    }
  }

  // Puts a tone, or silence, over what was heard from `start` to `end`, seconds of the session.
  hide({ start, end, tone }) {
    const first = Math.max(0, Math.floor(start * this.rate) - this.#dropped);
    const behind = Math.min(this.#samples(), Math.ceil(end * this.rate) - this.#dropped);
    const step = (2 * Math.PI * TONE_HZ) / this.rate;
    for (let i = first; i < behind; i++) {
      const sample = tone ? TONE_LEVEL * Math.sin(step * i) : 0;
      this.#blocks[Math.floor(i / this.blockSamples)][i % this.blockSamples] = Math.round(sample);
    }
  }

  // A WAV file.
  blob() {
    const last = this.#blocks.at(-1)?.subarray(0, this.#filled) ?? new Int16Array(0);
    return new Blob([this.#header(), ...this.#blocks.slice(0, -1), last], { type: 'audio/wav' });
  }

  #samples() {
    return Math.max(0, this.#blocks.length - 1) * this.blockSamples + this.#filled;
  }

  #newBlock() {
    if ((this.#blocks.length + 1) * BLOCK_S > RECORDING_MAX_S) {
      this.#blocks.shift();
      this.#dropped += this.blockSamples;
    }
    this.#blocks.push(new Int16Array(this.blockSamples));
    this.#filled = 0;
  }

  #header() {
    const view = new DataView(new ArrayBuffer(HEADER_BYTES));
    const bytes = this.#samples() * 2;
    const ascii = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
    ascii(0, 'RIFF');
    view.setUint32(4, HEADER_BYTES - 8 + bytes, true);
    ascii(8, 'WAVEfmt ');
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true); // PCM
    view.setUint16(22, 1, true); // channels
    view.setUint32(24, this.rate, true);
    view.setUint32(28, this.rate * 2, true);
    view.setUint16(32, 2, true);
    view.setUint16(34, 16, true);
    ascii(36, 'data');
    view.setUint32(40, bytes, true);
    return view.buffer;
  }
}
