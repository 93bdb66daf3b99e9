// client.js: a client of the native protocol (docs/protocol.md), for browsers and for Node with a global WebSocket.
//
//   const client = new StenoClient('ws://127.0.0.1:8080/v1/stream', { encoding: 'pcm_s16le', sample_rate: 16000 });
//   client.addEventListener('partial', (e) => show(e.detail.text));   // every event type of the protocol
//   client.addEventListener('final', (e) => keep(e.detail.text));
//   client.addEventListener('state', (e) => console.log(e.detail));   // { state, cause?, message?, retryAfterS? }
//   client.start();
//   client.send(samples);  // Int16Array; at any time, also while the connection is away
//   new StenoClient(url, params, { key });  // a server with API keys: see keyProtocols()
//   client.close();        // flush: what is left, then 'closed', then state 'ended' with cause 'done'
//
// `stats` events acknowledge audio, so stats_ms must not be 0.
// States: connecting -> open -> ended, and open <-> resuming when the connection breaks. Once `ended`, a client is of no
// more use; `cause` says why (CAUSES).
// Invariants: audio is kept until an event's audio_samples acknowledges it, and is sent again from there on a resumed
// connection; what is kept is bounded (AUDIO_KEPT_S); no event is handed on twice.

const AUDIO_KEPT_S = 120; // unacknowledged audio beyond this ends the session: a gap would be a lie
const RETRY_FIRST_MS = 250; // doubled up to RETRY_MAX_MS
const RETRY_MAX_MS = 4000;
const OPEN_LIMIT_MS = 10000; // from connecting to `ready`
const SILENCE_LIMIT_MS = 15000; // no event for so long while audio waits to be acknowledged: the connection is dead
const KEEPALIVE_MS = 10000;
const WATCH_MS = 1000;
const EXPLAIN_LIMIT_MS = 4000;
const SAID_MAX = 64; // names and merges that are kept to be said again
const RESUME_WINDOW_MS = 30000; // until `ready` tells the server's

export const CAUSES = {
  done: 'the session was closed as asked',
  aborted: 'the session was given up',
  unreachable: 'the server cannot be reached',
  full: 'the server takes no new streams now',
  refused: 'the server refused the request; `message` says why',
  key: 'the server asks for an API key, or does not take this one',
  limited: 'not now; `message` says why, and `retryAfterS`, if there, when again',
  policy: 'the server ended the session; `message` says why',
  failed: 'recognition failed',
  draining: 'the server is going down',
  idle: 'the server heard nothing for too long',
  taken: 'another connection resumed this session',
  lost: 'the connection could not be resumed in time',
  overflow: 'the connection was away for too long to keep the audio',
  protocol: 'the server did not take a message',
};

const CAUSE_OF_CODE = { 1001: 'draining', 1003: 'protocol', 1007: 'protocol', 1008: 'idle', 1009: 'protocol', 1011: 'failed', 1012: 'taken', 1013: 'full' };

// How an API key travels: a browser sets no headers on a WebSocket, and an address ends up in logs, so it goes as the
// second of two sub-protocols, of which the server answers the first.
export const keyProtocols = (key) => (key ? ['bearer', key] : []);

// Whether an `error` answers `merge_speakers`: nobody was made one.
export const isMergeRefusal = ({ code, message }) => code === 'merge_speakers' || String(message).startsWith('merge_speakers:');

export class StenoClient extends EventTarget {
  #url;
  #params;
  #key;
  #rate;
  #socket = null;
  #state = 'new';
  #session = null; // token, once `ready` came
  #lastSeq = 0;
  #resumeWindowMs = RESUME_WINDOW_MS;
  #giveUpAt = 0;
  #retryMs = RETRY_FIRST_MS;
  #retryTimer = 0;
  #watchTimer = 0;
  #openedAt = 0;
  #heardAt = 0; // when an event or acknowledgement came last
  #spokeAt = 0; // when something was sent last
  #kept = []; // [{ start, samples }], in order and without gaps: what is not acknowledged
  #acked = 0;
  #given = 0; // samples handed to send() so far
  #wanted = { configure: null, finalize: false, close: false }; // controls that no answer has come to
  #said = []; // name_speaker and merge_speakers: nothing answers them, so a resumed connection hears them again
  #closedSeen = false;
  #lastError = '';

  constructor(url, params = {}, { key = '' } = {}) {
    super();
    this.#key = key;
    this.#url = String(url);
    this.#params = { encoding: 'pcm_s16le', sample_rate: 16000, ...params };
    this.#rate = this.#params.sample_rate;
  }

  get state() {
    return this.#state;
  }
  get samplesGiven() {
    return this.#given;
  }
  // Samples that no event has acknowledged: what a sender that may wait, waits for.
  get samplesWaiting() {
    return this.#given - this.#acked;
  }
  get bytesBuffered() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  start() {
    if (this.#state !== 'new') throw new Error('a client starts once');
    this.#watchTimer = setInterval(() => this.#watch(), WATCH_MS);
    this.#setState('connecting');
    this.#connect();
  }

  // 16-bit samples of one channel. They are kept, so the caller hands them over.
  send(samples) {
    if (this.#state === 'ended' || this.#wanted.close || samples.length === 0) return;
    if (this.samplesWaiting + samples.length > AUDIO_KEPT_S * this.#rate) return this.#end('overflow');
    this.#kept.push({ start: this.#given, samples });
    this.#given += samples.length;
    if (this.#state === 'open') this.#transmit(samples);
  }

  // Members as docs/protocol.md lists them; answered by `stats` with `configured`.
  configure(changes) {
    this.#wanted.configure = { ...this.#wanted.configure, ...changes };
    this.#control({ type: 'configure', ...changes });
  }

  // Ends the open utterance now; answered by `stats` with `finalized`.
  finalize() {
    this.#wanted.finalize = true;
    this.#control({ type: 'finalize' });
  }

  // Two labels are one person: `revision`s follow, or an error that isMergeRefusal().
  mergeSpeakers(from, into) {
    this.#say({ type: 'merge_speakers', from, into }, (m) => m.from === from);
  }

  // Later events call `speaker` so; an empty name takes that back.
  nameSpeaker(speaker, name) {
    this.#say({ type: 'name_speaker', speaker, name }, (m) => m.speaker === speaker);
  }

  // No more audio: the rest is recognised, then comes `closed`.
  close() {
    if (this.#wanted.close) return;
    this.#wanted.close = true;
    this.#control({ type: 'close' });
  }

  // Leaves at once; what was not recognised yet is lost.
  abort() {
    this.#end('aborted');
  }

  // Tries to resume now, for instance when the network is back.
  retry() {
    if (this.#state !== 'resuming') return;
    clearTimeout(this.#retryTimer);
    this.#connect();
  }

  // ---- one connection -------------------------------------------------------------------------------------------

  #address() {
    const url = new URL(this.#url);
    for (const [name, value] of Object.entries(this.#params)) url.searchParams.set(name, value);
    if (this.#session) {
      url.searchParams.set('resume', this.#session);
      url.searchParams.set('last_seq', this.#lastSeq);
    }
    return url;
  }

  #connect() {
    if (this.#socket || this.#state === 'ended') return;
    let socket;
    try {
      socket = new WebSocket(this.#address(), keyProtocols(this.#key));
    } catch {
      return this.#end('key', 'a key has letters, digits and a few signs only'); // others cannot travel as a sub-protocol
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#openedAt = performance.now();
    socket.onmessage = (message) => socket === this.#socket && this.#receive(message.data);
    socket.onclose = (close) => socket === this.#socket && this.#broken(close.code, close.reason);
  }

  #transmit(message) {
    this.#spokeAt = performance.now();
    this.#socket.send(message);
  }

  #control(message) {
    if (this.#state === 'open') this.#transmit(JSON.stringify(message));
  }

  // `replaces(message)`: earlier ones that this one makes pointless.
  #say(message, replaces) {
    if (this.#wanted.close) return;
    this.#said = [...this.#said.filter((m) => m.type !== message.type || !replaces(m)), message].slice(-SAID_MAX);
    this.#control(message);
  }

  #receive(data) {
    let event = null;
    try {
      event = typeof data === 'string' ? JSON.parse(data) : null;
    } catch {
      // not ours
    }
    if (typeof event?.type !== 'string' || this.#state === 'ended') return;
    this.#heardAt = performance.now();
    if (Number.isInteger(event.audio_samples)) this.#acknowledge(event.audio_samples);
    if (event.type === 'ready') return this.#begin(event);
    // After a resume some events come again.
    if (Number.isInteger(event.seq)) {
      if (event.seq <= this.#lastSeq) return;
      this.#lastSeq = event.seq;
    }
    if (event.type === 'stats' && event.finalized) this.#wanted.finalize = false;
    if (event.type === 'stats' && event.configured) this.#wanted.configure = null;
    if (event.type === 'error' && event.fatal) this.#lastError = event.message ?? event.code ?? '';
    if (event.type === 'error' && isMergeRefusal(event)) this.#said = this.#said.filter((m) => m.type !== 'merge_speakers');
    if (event.type === 'closed') this.#closedSeen = true;
    this.#dispatch(event.type, event);
  }

  #begin(event) {
    // A server that forgot the session, or audio it had acknowledged: going on would hide a gap.
    if (this.#session && (!event.resumed || event.audio_samples < this.#acked)) return this.#end('lost');
    // The `ready` of a resumed session stands outside the order of the events that come again.
    if (!event.resumed) this.#lastSeq = event.seq ?? 0;
    this.#session = event.session;
    this.#resumeWindowMs = event.resume_window_ms ?? RESUME_WINDOW_MS;
    this.#retryMs = RETRY_FIRST_MS;
    this.#giveUpAt = 0;
    this.#setState('open');
    for (const { samples } of this.#kept) this.#transmit(samples);
    if (this.#wanted.configure) this.#control({ type: 'configure', ...this.#wanted.configure });
    for (const message of this.#said) this.#control(message);
    if (this.#wanted.finalize) this.#control({ type: 'finalize' });
    if (this.#wanted.close) this.#control({ type: 'close' });
    this.#dispatch('ready', event);
  }

  #acknowledge(count) {
    this.#acked = Math.max(this.#acked, Math.min(count, this.#given));
    while (this.#kept.length && this.#kept[0].start + this.#kept[0].samples.length <= this.#acked) this.#kept.shift();
    const first = this.#kept[0];
    if (first && first.start < this.#acked) {
      first.samples = first.samples.subarray(this.#acked - first.start);
      first.start = this.#acked;
    }
  }

  // ---- when it breaks -------------------------------------------------------------------------------------------

  async #broken(code, reason) {
    this.#socket = null;
    const resuming = this.#state === 'resuming';
    const told = code === 1008 && this.#lastError; // not idle, then: a key that was taken back, say
    const cause = told ? 'policy' : CAUSE_OF_CODE[code];
    if (this.#closedSeen && !cause) return this.#end('done');
    // 1013 in a session: its events were not read fast enough, and it waits to be resumed.
    if (cause && (this.#closedSeen || !this.#session || code !== 1013)) return this.#end(cause, this.#lastError || reason);
    if (!this.#session) {
      const why = await this.#explain();
      return this.#end(why.cause, why.message, why.retryAfterS);
    }
    if (!resuming) {
      this.#giveUpAt = performance.now() + this.#resumeWindowMs;
      this.#setState('resuming');
    } else {
      const why = await this.#explain();
      if ([404, 410].includes(why.status)) return this.#end('lost');
      if (why.cause === 'key') return this.#end(why.cause, why.message); // taken back while the connection was away
    }
    this.#retryLater();
  }

  #retryLater() {
    if (this.#state !== 'resuming' || this.#socket) return;
    if (performance.now() > this.#giveUpAt) return this.#end('lost');
    this.#retryTimer = setTimeout(() => this.#connect(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  // A browser hides why an upgrade was refused; the same address asked plainly tells.
  async #explain() {
    const url = this.#address();
    url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
    try {
      const headers = this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
      const answer = await fetch(url, { headers, cache: 'no-store', signal: AbortSignal.timeout(EXPLAIN_LIMIT_MS) });
      const { status } = answer;
      const body = await answer.json().catch(() => null);
      const message = body?.error?.message ?? body?.message ?? (typeof body?.error === 'string' ? body.error : '');
      const retryAfterS = Number(answer.headers.get('Retry-After')) || 0;
      if (status === 503) return { status, cause: 'full', message, retryAfterS };
      if (status >= 500) return { status, cause: 'unreachable', message };
      if (status === 401) return { status, cause: 'key', message };
      if (status === 429) return { status, cause: 'limited', message, retryAfterS };
      // 426: by now it would open the stream; when it did not, it was full.
      return { status, cause: status === 426 ? 'full' : 'refused', message: status === 426 ? '' : message };
    } catch {
      return { status: 0, cause: 'unreachable', message: '' };
    }
  }

  #watch() {
    const now = performance.now();
    if (this.#state === 'open') {
      const waiting = this.#kept.length > 0 || this.#wanted.close;
      if (waiting && now - Math.max(this.#heardAt, this.#openedAt) > SILENCE_LIMIT_MS) return this.#drop();
      if (now - this.#spokeAt > KEEPALIVE_MS) this.#control({ type: 'keepalive' });
    } else if (this.#socket && now - this.#openedAt > OPEN_LIMIT_MS) {
      this.#drop();
    }
  }

  // A connection that is dead but does not say so.
  #drop() {
    const socket = this.#socket;
    this.#broken(1006, '');
    socket.close();
  }

  // ---- telling --------------------------------------------------------------------------------------------------

  #end(cause, message = '', retryAfterS = 0) {
    if (this.#state === 'ended') return;
    clearInterval(this.#watchTimer);
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#socket = null;
    this.#kept = [];
    socket?.close(1000); // for good: the server need not wait for us
    this.#setState('ended', { cause, message, ...(retryAfterS ? { retryAfterS } : {}) });
  }

  #setState(state, more = {}) {
    this.#state = state;
    this.#dispatch('state', { state, ...more });
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
