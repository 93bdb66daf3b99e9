// app.js: the live page: a microphone or a file goes up, words come down. Protocol matters are client.js's.
// Invariants: one source at a time; text from the server enters the page as text only; a final is never changed.
import { StenoClient } from './client.js';

const FILE_RATE = 16000; // a file is decoded to this
const RATE_MAX = 48000; // the protocol's
const FILE_LIMIT_BYTES = 256 * 1024 * 1024; // decoding holds all of it in memory
const FILE_PACKET_SAMPLES = 512;
const FAST_WAITING_S = 10; // sending as fast as the server takes it: this much may be unacknowledged
const FAST_BUFFERED_BYTES = 256 * 1024;
const PACE_TICK_MS = 32;
const MARKS_MAX = 8192; // of packets sent: over four minutes

const $ = (id) => document.getElementById(id);
const stream = () => new URL('v1/stream', location.href.replace(/^http/, 'ws'));
const clockTime = (s) => `${Math.floor(s / 60)}:${(Math.floor((s % 60) * 10) / 10).toFixed(1).padStart(4, '0')}`;
const child = (parent, tag, className = '') => {
  const element = parent.appendChild(document.createElement(tag));
  if (className) element.className = className;
  return element;
};

// ---- the transcript -------------------------------------------------------------------------------------------------

// Utterances of all sessions since the page was cleared, in the document and as data.
class Transcript {
  sessions = [];

  open(source) {
    const section = child($('sessions'), 'section');
    const title = child(section, 'h3');
    const started = new Date();
    title.textContent = `${source} · ${started.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}`;
    this.sessions.push({ source, started: started.toISOString(), model: '', language: '', duration: 0, section, list: child(section, 'ol'), rows: new Map() });
    this.refresh();
    return this.sessions.at(-1);
  }

  // A `speech_started`, `partial` or `final` replaces what its message_id showed before.
  put(session, event) {
    const row = session.rows.get(event.message_id) ?? this.#row(session, event);
    if (row.final || (event.rev ?? 0) < row.rev) return;
    row.rev = event.rev ?? 0;
    row.final = event.type === 'final';
    row.event = event;
    const letters = Array.from(event.text ?? '…'); // stable_chars counts characters, not UTF-16 units
    const stable = row.final ? letters.length : Math.min(event.stable_chars ?? 0, letters.length);
    row.stable.textContent = letters.slice(0, stable).join('');
    row.tail.textContent = letters.slice(stable).join('');
    row.time.textContent = clockTime(event.start);
    row.item.className = event.type;
    if (row.final && event.text === '') row.item.remove(); // it was not speech after all
    if (row.final && event.text) child($('announce'), 'p').textContent = event.text;
    this.refresh();
  }

  #row(session, event) {
    const item = child(session.list, 'li');
    const time = child(item, 'time');
    const text = child(item, 'p');
    const row = { item, time, stable: child(text, 'span', 'stable'), tail: child(text, 'span', 'tail'), rev: -1, final: false, event };
    session.rows.set(event.message_id, row);
    return row;
  }

  // Utterances that were announced but never got words are taken away: nothing more comes for them. True when words are left.
  close(session) {
    for (const row of session.rows.values()) if (!row.final && !row.event.text) row.item.remove();
    const any = session.list.childElementCount > 0;
    if (!any) {
      session.section.remove();
      this.sessions = this.sessions.filter((s) => s !== session);
    }
    this.refresh();
    return any;
  }

  clear(running) {
    for (const session of this.sessions) {
      if (session !== running) session.section.remove();
    }
    // A running session keeps what is being said, and knows what is gone, so that it does not come back.
    for (const row of running?.rows.values() ?? []) {
      if (!row.final) continue;
      row.item.remove();
      row.event = { ...row.event, text: '' };
    }
    this.sessions = this.sessions.filter((s) => s === running);
    $('announce').replaceChildren();
    this.refresh();
  }

  refresh() {
    const any = this.sessions.some((s) => s.list.childElementCount > 0);
    for (const id of ['copy', 'save-txt', 'save-json', 'clear']) $(id).disabled = !any;
    $('empty').hidden = this.sessions.length > 0;
  }

  #said(session) {
    return [...session.rows.values()].map((row) => row.event).filter((event) => event.text);
  }

  text() {
    const blocks = this.sessions.map((s) => this.#said(s).map((event) => event.text).join('\n'));
    return `${blocks.filter(Boolean).join('\n\n')}\n`;
  }

  json() {
    const segment = ({ start, end, text, confidence, words, type }, id) => ({ id, start, end, text, confidence, words, ...(type === 'final' ? {} : { unfinished: true }) });
    const sessions = this.sessions.map((s) => ({
      source: s.source, started: s.started, model: s.model, language: s.language, duration: s.duration, segments: this.#said(s).map(segment),
    }));
    return `${JSON.stringify({ sessions }, null, 2)}\n`;
  }
}

// When each sample was heard here, so that the age of a text can be told.
class Marks {
  #marks = [];

  constructor(rate) {
    this.rate = rate;
  }

  add(samples) {
    this.#marks.push({ samples, at: performance.now() });
    if (this.#marks.length > MARKS_MAX) this.#marks.splice(0, MARKS_MAX / 2);
  }

  // Milliseconds since the sample at `s` seconds was heard; null when that is not known.
  age(s) {
    const wanted = s * this.rate;
    const mark = this.#marks.find(({ samples }) => samples >= wanted - 1);
    if (!mark || mark === this.#marks[0]) return null;
    return performance.now() - mark.at + ((mark.samples - wanted) / this.rate) * 1000;
  }
}

// ---- sources --------------------------------------------------------------------------------------------------------

class Trouble extends Error {} // its message is for people

async function microphoneStream() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Trouble('The browser gives the microphone only to pages on https or on localhost. A file still works.');
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true } });
  } catch (error) {
    if (error.name === 'NotAllowedError' || error.name === 'SecurityError') {
      throw new Trouble('The microphone is not allowed for this page. Allow it in the browser’s address bar, then press Speak again.');
    }
    if (error.name === 'NotFoundError') throw new Trouble('No microphone was found. Connect one, or choose a file.');
    throw new Trouble(`The microphone could not be opened: ${error.message || error.name}.`);
  }
}

// The device at 16 kHz where the browser resamples, else at its own rate.
function audioGraph(media) {
  for (const options of [{ sampleRate: FILE_RATE }, {}]) {
    const context = new AudioContext(options);
    try {
      return { context, input: context.createMediaStreamSource(media) };
    } catch {
      context.close();
    }
  }
  throw new Trouble('The browser cannot connect this microphone.');
}

// Opens the microphone; packets come once started: { rate, start(onPacket, onEnd(why)), stop() }.
async function openMicrophone() {
  const media = await microphoneStream();
  const { context, input } = audioGraph(media);
  await context.audioWorklet.addModule('worklet.js');
  await context.resume();
  const factor = Math.ceil(context.sampleRate / RATE_MAX);
  const node = new AudioWorkletNode(context, 'pcm-packets', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit', processorOptions: { factor } });
  const ended = new Promise((resolve) => node.port.addEventListener('message', ({ data }) => data.ended && resolve()));
  return {
    rate: context.sampleRate / factor,
    start(onPacket, onEnd) {
      node.port.addEventListener('message', ({ data }) => data.samples && onPacket(data.samples, data.peak));
      node.port.start();
      media.getAudioTracks()[0].addEventListener('ended', () => onEnd('The microphone was disconnected.'));
      input.connect(node);
    },
    async stop() {
      if (context.state === 'closed') return;
      node.port.start();
      node.port.postMessage('flush');
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500))]); // a dead device posts nothing
      if (context.state === 'closed') return; // a second stop, meanwhile
      for (const track of media.getTracks()) track.stop();
      await context.close();
    },
  };
}

// A recording as 16-bit samples at FILE_RATE, its channels mixed.
async function decodeFile(file) {
  if (file.size > FILE_LIMIT_BYTES) throw new Trouble(`${file.name} is too large for the browser to decode (over 256 MB). “steno transcribe” takes it.`);
  if (file.size === 0) throw new Trouble(`${file.name} is empty.`);
  let decoded;
  try {
    decoded = await new OfflineAudioContext(1, 1, FILE_RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Trouble(`${file.name} is not a recording this browser can read. WAV, MP3, Ogg, FLAC and M4A usually work.`);
  }
  const channels = Array.from({ length: decoded.numberOfChannels }, (_, i) => decoded.getChannelData(i));
  return Int16Array.from({ length: decoded.length }, (_, i) => {
    const mixed = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
    return Math.round(Math.max(-32768, Math.min(32767, mixed * 32768)));
  });
}

// A decoded file at the pace of time, or as fast as `client` may send: the same shape as a microphone.
function fileSource(samples, fast, client) {
  let timer = 0;
  let at = 0;
  let began = 0;
  const mayWait = () => client().samplesWaiting > FAST_WAITING_S * FILE_RATE || client().bytesBuffered > FAST_BUFFERED_BYTES;
  const due = () => (fast ? !mayWait() : at / FILE_RATE < (performance.now() - began) / 1000);
  return {
    rate: FILE_RATE,
    start(onPacket, onEnd) {
      began = performance.now();
      timer = setInterval(() => {
        if (fast && client().state !== 'open') return;
        while (at < samples.length && due()) {
          const packet = samples.slice(at, at + FILE_PACKET_SAMPLES);
          at += packet.length;
          onPacket(packet, 0);
        }
        $('progress').value = at / samples.length;
        if (at < samples.length) return;
        clearInterval(timer);
        onEnd();
      }, PACE_TICK_MS);
    },
    async stop() {
      clearInterval(timer);
    },
  };
}

// ---- one run --------------------------------------------------------------------------------------------------------

const transcript = new Transcript();
let run = null; // { client, source, session, marks, live, stopping, first: Set of message ids whose first text came }

const STATE_TEXT = { idle: 'Ready', opening: 'Opening…', connecting: 'Connecting…', open: 'Connected', resuming: 'Connection lost: resuming…', finishing: 'Finishing…', failed: 'Stopped' };

const plain = {
  unreachable: () => 'The server cannot be reached. Is steno running, and is this page still the right address?',
  full: (message) => (Number(message) > 0 ? `The server is full. Try again in ${Number(message)} seconds.` : 'The server takes no new streams now; it is probably full. Try again in a moment.'),
  refused: (message) => `The server refused the stream${message ? `: ${message}` : ''}.`,
  failed: (message) => `Recognition failed on the server${message ? `: ${message}` : ''}. What was said until then is kept.`,
  draining: () => 'The server is being shut down or restarted. What was said until then is kept.',
  idle: () => 'The server heard nothing for a long time and ended the stream.',
  taken: () => 'This session is being continued by another connection.',
  lost: () => 'The connection was lost for too long to be resumed. What was said until then is kept.',
  overflow: () => 'The connection was lost for too long: the sound since then could not be kept.',
  protocol: () => 'The server did not understand this page. Reload it: it may be older than the server.',
};

function showState(state) {
  $('connection').dataset.state = state;
  $('connection-text').textContent = STATE_TEXT[state];
  const running = !['idle', 'failed'].includes(state);
  $('speak').classList.toggle('running', running);
  $('speak').classList.toggle('finishing', state === 'finishing');
  $('speak-label').textContent = state === 'finishing' ? 'Finishing' : running ? 'Stop' : 'Speak';
  $('stop').hidden = !running; // stays in sight when the words have filled the page
  $('stop').textContent = $('speak-label').textContent;
  document.body.classList.toggle('listening', running);
  $('choose').disabled = running;
  $('fast').disabled = running;
}

function showTrouble(text) {
  $('error-text').textContent = text;
  $('error').hidden = false;
}

function showNotice(text) {
  $('notice').textContent = text;
  $('notice').hidden = !text;
}

function showOverload(event) {
  const often = (event.partial_ms / 1000).toFixed(1).replace(/\.0$/, '');
  showNotice(event.overloaded ? `The server is busy: words now appear every ${often} s. Nothing is lost.` : '');
}

const showAge = (id, ms) => {
  if (ms !== null && ms >= 0) $(id).textContent = ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
};

// Keeps the newest words in sight of a reader who is at the end of the page already.
function following(change) {
  const page = document.documentElement;
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 80;
  change();
  if (atEnd) page.scrollTop = page.scrollHeight;
}

function measure(current, event) {
  if (!current.live || !event.text) return;
  if (!current.first.has(event.message_id)) {
    current.first.add(event.message_id);
    showAge('first-text', current.marks.age(event.words?.[0]?.end ?? event.start));
  }
  if (event.audio_end !== undefined) showAge(event.type === 'final' ? 'final-lag' : 'partial-lag', current.marks.age(event.audio_end));
}

function onWords(current, event) {
  measure(current, event);
  following(() => transcript.put(current.session, event));
}

function onCount(current, event) {
  current.session.duration = Math.max(current.session.duration, event.audio_s ?? 0);
  $('heard').textContent = clockTime(current.session.duration);
}

function onReady(current, event) {
  Object.assign(current.session, { model: event.model, language: event.language });
  $('model').textContent = ` Model: ${event.model}.`;
}

function listen(current) {
  const { client } = current;
  const on = (type, body) => client.addEventListener(type, (e) => body(current, e.detail));
  for (const type of ['speech_started', 'partial', 'final']) on(type, onWords);
  for (const type of ['stats', 'closed']) on(type, onCount);
  on('ready', onReady);
  on('overload', (_, event) => showOverload(event));
  on('error', (_, event) => event.fatal || console.warn(`steno: ${event.code}: ${event.message}`));
  on('state', (_, { state, cause, message }) => {
    if (state === 'ended') finish(current, cause, message);
    else showState(current.stopping && state === 'open' ? 'finishing' : state);
  });
}

function finish(current, cause, message) {
  if (run !== current) return;
  run = null;
  current.source.stop();
  current.awake?.release();
  const any = transcript.close(current.session);
  $('progress').hidden = true;
  $('speak').style.setProperty('--level', 0);
  const calm = cause === 'done' || cause === 'aborted';
  showNotice(cause === 'done' && !any ? 'No words were heard.' : '');
  if (!calm) showTrouble(plain[cause](message));
  showState(calm ? 'idle' : 'failed');
}

// Runs `open` ({ source, name, live }) to its end.
async function begin(open) {
  if (run) return;
  const current = { stopping: false, first: new Set() };
  run = current;
  $('error').hidden = true;
  showNotice('');
  for (const id of ['heard', 'first-text', 'partial-lag', 'final-lag']) $(id).textContent = '–';
  showState('opening');
  try {
    Object.assign(current, await open(() => current.client));
  } catch (error) {
    run = null;
    showState('failed');
    return showTrouble(error instanceof Trouble ? error.message : `Something went wrong on this page: ${error.message}`);
  }
  if (current.stopping) {
    current.source.stop();
    run = null;
    return showState('idle');
  }
  current.marks = new Marks(current.source.rate);
  current.client = new StenoClient(stream(), { encoding: 'pcm_s16le', sample_rate: current.source.rate });
  current.session = transcript.open(current.name);
  $('progress').hidden = current.name === 'Microphone';
  listen(current);
  current.client.start();
  current.source.start((samples, peak) => {
    current.client.send(samples);
    current.marks.add(current.client.samplesGiven);
    if (peak) $('speak').style.setProperty('--level', Math.min(1, Math.sqrt(peak)).toFixed(2));
  }, (why) => {
    if (why) showTrouble(why);
    if (!current.stopping) stop(current);
  });
  stayAwake(current);
}

// A phone that falls asleep would stop listening.
async function stayAwake(current) {
  const awake = await navigator.wakeLock?.request('screen').catch(() => null);
  if (run === current) current.awake = awake;
  else awake?.release();
}

// The first press lets the server finish what it heard; a second one leaves at once.
async function stop(current) {
  if (!current.client) {
    current.stopping = true; // the source is still being opened
    return;
  }
  if (current.stopping) return current.client.abort();
  current.stopping = true;
  if (current.client.state === 'open') showState('finishing');
  await current.source.stop();
  current.client.close();
}

const speak = () => begin(async () => ({ source: await openMicrophone(), name: 'Microphone', live: true }));

function play(file) {
  const fast = $('fast').checked;
  return begin(async (client) => ({ source: fileSource(await decodeFile(file), fast, client), name: file.name, live: !fast }));
}

// ---- the page -------------------------------------------------------------------------------------------------------

async function copy() {
  const text = transcript.text();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard object; the old way still works there.
    const area = child(document.body, 'textarea', 'hidden-text');
    area.value = text;
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    $('copy').focus();
    if (!copied) return showTrouble('The browser did not allow copying. Select the text, or download it.');
  }
  $('copy').textContent = 'Copied';
  setTimeout(() => ($('copy').textContent = 'Copy'), 1500);
}

function save(ending, type, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `steno-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function offer(files) {
  if (run) return showTrouble('Stop what is running first, then choose a file.');
  if (files.length > 1) return showTrouble('One file at a time, please.');
  if (files.length === 1) play(files[0]);
}

$('speak').addEventListener('click', () => (run ? stop(run) : speak()));
$('stop').addEventListener('click', () => run && stop(run));
$('choose').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', () => {
  offer([...$('file').files]);
  $('file').value = '';
});
$('error-close').addEventListener('click', () => {
  $('error').hidden = true;
  $('speak').focus();
});
$('copy').addEventListener('click', copy);
$('save-txt').addEventListener('click', () => save('txt', 'text/plain', transcript.text()));
$('save-json').addEventListener('click', () => save('json', 'application/json', transcript.json()));
$('clear').addEventListener('click', () => transcript.clear(run?.session));
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dragging');
});
addEventListener('dragleave', (event) => event.relatedTarget || document.body.classList.remove('dragging'));
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dragging');
  offer([...event.dataTransfer.files]);
});
addEventListener('online', () => run?.client?.retry());
