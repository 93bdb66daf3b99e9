// dash_poll.js: asks the server again and again: every two seconds while it answers and somebody looks, more and more rarely while it
// does not, and not at all while the tab is hidden, or until a key is given.
// Invariants: one question at a time; a key goes in a header, to this server only.

const EVERY_MS = 2000;
const BACKOFF_MAX_MS = 30000;
const LIMIT_MS = 15000; // of one answer
const ABSENT_MS = 60000; // between looks at what was not there

const pause = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
});

// What went wrong, as { kind: 'key' | 'off' | 'limited' | 'lost' | 'odd', message, retryAfterS }.
export class Refused extends Error {
  constructor(kind, message = '', retryAfterS = 0) {
    super(message);
    Object.assign(this, { kind, retryAfterS });
  }
}

async function refusal(answer) {
  let message = '';
  try {
    const said = (await answer.json()).message;
    if (typeof said === 'string') message = said.slice(0, 300);
  } catch {
    // not ours
  }
  const kinds = { 401: 'key', 404: 'off', 429: 'limited', 503: 'limited' };
  return new Refused(kinds[answer.status] ?? 'odd', message || `status ${answer.status}`, Number(answer.headers.get('Retry-After')) || 0);
}

export class Poller extends EventTarget {
  key = '';
  #running = null; // AbortController of the loop
  #failures = 0;
  #ask;

  // `ask(get)` asks for what it wants by `get(path)`, which gives JSON, and is run once a round.
  constructor(ask) {
    super();
    this.#ask = ask;
    document.addEventListener('visibilitychange', () => (document.hidden ? this.stop('hidden') : this.start()));
  }

  start() {
    if (this.#running || document.hidden) return;
    this.#running = new AbortController();
    this.#loop(this.#running.signal);
  }

  stop(why) {
    this.#running?.abort();
    this.#running = null;
    this.#say('stopped', { why });
  }

  // At once, not when it would be time.
  again() {
    this.#running?.abort();
    this.#running = null;
    this.start();
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async #get(path, signal) {
    let answer;
    try {
      const headers = this.key ? { Authorization: `Bearer ${this.key}` } : {};
      answer = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]) });
    } catch (error) {
      throw error instanceof TypeError && /header/i.test(error.message) ? new Refused('key', 'a key has letters, digits and a few signs only') : new Refused('lost');
    }
    if (!answer.ok) throw await refusal(answer);
    try {
      return await answer.json();
    } catch {
      throw new Refused('lost', 'the answer broke off');
    }
  }

  async #loop(signal) {
    while (!signal.aborted) {
      let wait = EVERY_MS;
      try {
        const got = await this.#ask((path) => this.#get(path, signal));
        if (signal.aborted) return;
        this.#failures = 0;
        this.#say('answer', got);
      } catch (error) {
        if (signal.aborted) return;
        wait = this.#wait(error);
        if (!(error instanceof Refused)) console.error(error);
        this.#say('trouble', { kind: error.kind ?? 'odd', message: error.message, waitMs: wait });
        if (error.kind === 'key') return void (this.#running = null);
      }
      await pause(wait, signal);
    }
  }

  #wait({ kind, retryAfterS }) {
    this.#failures++;
    if (kind === 'off') return ABSENT_MS;
    return Math.max(Math.min(EVERY_MS * 2 ** (this.#failures - 1), BACKOFF_MAX_MS), (retryAfterS ?? 0) * 1000);
  }
}
