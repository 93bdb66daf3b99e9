// player.js: plays a session's sound and marks the word being spoken (aria-current), one session at a time.
// Invariant: times given and told are the session's own, also when the beginning of its sound is gone.
import { $, clockTime, spokenTime } from './dom.js';

const GAP_S = 0.35; // a word stays marked so long after its end, unless the next one begins

export class Player {
  session = null;
  #audio = new Audio();
  #words = [];
  #marked = -1;
  #frame = 0;
  #onTrouble;

  constructor(onTrouble) {
    this.#onTrouble = onTrouble;
    const audio = this.#audio;
    for (const type of ['play', 'pause', 'ended']) audio.addEventListener(type, () => this.#show());
    for (const type of ['timeupdate', 'seeked', 'loadedmetadata']) audio.addEventListener(type, () => this.#show());
    $('player-play').addEventListener('click', () => this.toggle());
    $('seek').addEventListener('input', () => this.seek(Number($('seek').value)));
    $('rate').addEventListener('change', () => (audio.playbackRate = Number($('rate').value)));
  }

  get playing() {
    return this.session !== null && !this.#audio.paused && !this.#audio.ended;
  }

  get #now() {
    return this.#audio.currentTime + this.session.recording.offset;
  }

  load(session) {
    if (session === this.session) return;
    this.unload();
    if (!session?.recording) return;
    this.session = session;
    this.#words = session.words();
    this.#audio.src = URL.createObjectURL(session.recording.blob());
    this.#audio.playbackRate = Number($('rate').value);
    const { offset, duration } = session.recording;
    Object.assign($('seek'), { min: offset, max: offset + duration, value: offset });
    $('player-name').textContent = session.name;
    $('player').hidden = false;
    this.#show();
  }

  // The session's words have other elements now.
  reload() {
    if (!this.session) return;
    this.#marked = -1;
    this.#words = this.session.words();
    this.#show();
  }

  unload() {
    if (!this.session) return;
    const { section } = this.session;
    this.#audio.pause();
    this.#mark(-1);
    URL.revokeObjectURL(this.#audio.src);
    this.#audio.removeAttribute('src');
    this.session = null;
    $('player').hidden = true;
    this.#label(section.querySelector('.play'), false);
  }

  toggle() {
    if (!this.session) return;
    if (this.playing) this.#audio.pause();
    else this.#play();
  }

  // Seconds of the session.
  seek(s) {
    this.#audio.currentTime = Math.max(0, s - this.session.recording.offset);
    this.#show();
  }

  playFrom(session, s) {
    this.load(session);
    if (!this.session) return;
    this.seek(s);
    this.#play();
  }

  // To the next word or the one before.
  step(by) {
    if (!this.session || this.#words.length === 0) return;
    const at = this.#lastBegun();
    const to = Math.max(0, Math.min(this.#words.length - 1, at + by));
    this.seek(this.#words[to].start);
  }

  #play() {
    // A pause that overtakes the start is no failure.
    this.#audio.play().catch((error) => error.name === 'AbortError' || this.#onTrouble(`The sound cannot be played: ${error.message || error.name}`));
  }

  // The last word that has begun, or -1.
  #lastBegun() {
    const now = this.#now + 0.001; // a seek to a word lands on it, whatever rounding does
    let [low, high] = [0, this.#words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#words[middle].start <= now) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #mark(index) {
    if (index === this.#marked) return;
    this.#words[this.#marked]?.element.removeAttribute('aria-current');
    this.#marked = index;
    const element = this.#words[index]?.element;
    if (!element) return;
    element.setAttribute('aria-current', 'true');
    if (this.playing) element.scrollIntoView({ block: 'nearest' });
  }

  #label(button, playing) {
    button.classList.toggle('playing', playing);
    button.setAttribute('aria-label', `${playing ? 'Pause' : 'Play'} ${this.session?.name ?? ''}`.trim());
  }

  #show() {
    cancelAnimationFrame(this.#frame);
    if (!this.session) return;
    const { offset, duration } = this.session.recording;
    const now = this.#now;
    const at = this.#lastBegun();
    this.#mark(at >= 0 && now <= this.#words[at].end + GAP_S ? at : -1);
    for (const button of [$('player-play'), this.session.section.querySelector('.play')]) this.#label(button, this.playing);
    $('seek').value = now;
    $('seek').style.setProperty('--done', ((now - offset) / Math.max(duration, 0.01)).toFixed(4));
    const spoken = `${spokenTime(now)} of ${spokenTime(offset + duration)}`;
    if ($('seek').getAttribute('aria-valuetext') !== spoken) $('seek').setAttribute('aria-valuetext', spoken); // not sixty times a second
    $('player-clock').textContent = `${clockTime(now, true)} / ${clockTime(offset + duration, true)}`;
    if (this.playing) this.#frame = requestAnimationFrame(() => this.#show());
  }
}
