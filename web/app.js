// app.js: the page: a microphone or a file goes up, words come down, and can be played back and taken away.
// The protocol is client.js's, sound sources.js's, the text transcript.js's, playback player.js's.
// Invariants: one source at a time; nothing plays while a source runs; a key lives in this tab's session storage only.
import { StenoClient, isMergeRefusal } from './client.js';
import { $, Trouble, child, clockTime, recall, remember } from './dom.js';
import { FORMATS } from './formats.js';
import { Player } from './player.js';
import { enablePrivacy, forgetPrivacy, learnPrivacy, openPrivacy, privacyParams } from './privacy_settings.js';
import { Recording } from './recording.js';
import { enableSettings, openSettings, speakerParams } from './settings.js';
import { decodeFile, fileSource, openMicrophone } from './sources.js';
import { asName } from './speakers.js';
import { Transcript } from './transcript.js';
import { WhoEditor } from './who.js';

const MARKS_MAX = 8192; // of packets sent: over four minutes
const KEY = 'steno-key';

const stream = () => new URL('v1/stream', location.href.replace(/^http/, 'ws').replace(/[?#].*/, ''));

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

// ---- what the page shows ----------------------------------------------------------------------------------------------

const transcript = new Transcript();
const player = new Player((text) => showTrouble(text));
let run = null; // { client, source, session, recording, marks, live, stopping, first: Set of message ids whose first text came,
                // speakers, privacy: their parameters, merged: what takes back each merge that was asked for }
let keyWanted = null; // what to run again once there is a key

const STATE_TEXT = { idle: 'Ready', opening: 'Opening…', connecting: 'Connecting…', open: 'Listening', resuming: 'Connection lost: resuming…', finishing: 'Finishing…', failed: 'Stopped', key: 'A key is needed' };

// Causes of client.js, as people say it. again: "Try again in 5 seconds.", where the server said so.
const plain = {
  unreachable: () => 'The server cannot be reached. Is steno running, and is this page still the right address?',
  full: (_, again) => (again ? `The server is full. ${again}` : 'The server takes no new streams now; it is probably full. Try again in a moment.'),
  limited: (message, again) => `The server takes nothing from you for now${message ? `: ${message}` : ''}. ${again}`.trim(),
  policy: (message) => `The server ended the stream: ${message}. What was said until then is kept.`,
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
  const running = !['idle', 'failed', 'key'].includes(state);
  $('speak').classList.toggle('running', running);
  $('speak').classList.toggle('finishing', state === 'finishing');
  $('speak-label').textContent = state === 'finishing' ? 'Finishing' : running ? 'Stop' : 'Speak';
  document.body.classList.toggle('listening', running);
  $('choose').disabled = running;
  $('fast').disabled = running;
  enableSettings(!running);
  enablePrivacy(!running);
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

// What a reader looks at: where the keyboard is, or else the first row that begins in sight.
function rowInSight() {
  const top = document.body.classList.contains('listening') ? document.querySelector('.source').getBoundingClientRect().bottom : 0;
  const focused = document.activeElement?.closest?.('#sessions li');
  if (focused) return focused;
  const rows = document.querySelectorAll('#sessions li'); // from top to bottom, and perhaps thousands
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].getBoundingClientRect().top < top) low = middle + 1;
    else high = middle;
  }
  return rows[low];
}

let held = null; // { row, top, scrollTop }: where it was meant to stay, since a page scrolls by whole pixels

// Keeps the newest words in sight of a reader who is at the end of the page already, and for others what they look at where it is.
function following(change) {
  const page = document.documentElement;
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 80;
  const row = atEnd ? null : rowInSight();
  const same = held?.row === row && held?.scrollTop === page.scrollTop;
  const top = same ? held.top : row?.getBoundingClientRect().top;
  change();
  held = null;
  if (atEnd) page.scrollTop = page.scrollHeight;
  else if (row?.isConnected) {
    page.scrollTop += row.getBoundingClientRect().top - top;
    held = { row, top, scrollTop: page.scrollTop };
  }
}

// ---- a key, where the server wants one --------------------------------------------------------------------------------

let keyHere = recall(KEY);

function keepKey(key) {
  if (key !== keyHere) forgetPrivacy();
  keyHere = key;
  $('forget-key').hidden = !key;
  remember(KEY, key);
}

function askForKey(open, message) {
  keyWanted = open;
  const refused = `The server does not take this key${message ? `: ${message}` : ''}. Check it, or ask whoever runs the server.`;
  $('key-why').textContent = keyHere ? refused : 'This server asks for a key. It is kept until this tab is closed, and goes to this server only.';
  keepKey('');
  $('key-form').hidden = false;
  $('key').value = '';
  $('key').focus();
}

function giveKey(event) {
  event.preventDefault();
  const key = $('key').value.trim();
  if (!key || run) return;
  const open = keyWanted;
  keepKey(key);
  $('key').value = '';
  if (open) begin(open);
}

// ---- one run ----------------------------------------------------------------------------------------------------------

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
  onCount(current, event);
  following(() => transcript.put(current.session, event));
}

function onCount(current, event) {
  current.session.duration = Math.max(current.session.duration, event.audio_s ?? event.audio_end ?? 0);
  $('heard').textContent = clockTime(current.session.duration);
}

function onRevision(current, event) {
  following(() => transcript.revise(current.session, event));
}

// Of what a person asks for here only a merge is refused.
function onError(current, { code, message, fatal }) {
  if (fatal) return;
  if (!isMergeRefusal({ code, message }) || !current.merged.length) return console.warn(`steno: ${code}: ${message}`);
  for (const undo of current.merged.splice(0).reverse()) undo();
  following(() => current.session.repaint());
  showTrouble(`The server does not make two speakers one: ${message.replace(/^merge_speakers: |\.$/g, '')}.`);
}

function onReady(current, event) {
  Object.assign(current.session, { model: event.model, language: event.language });
  current.session.guard(event.config?.redact ?? 'off');
  current.session.showMeta();
  if (learnPrivacy(current.privacy, event.config ?? {})) showNotice('Personal data is treated more strictly than was asked for: this is set by the server.');
}

function listen(current) {
  const { client } = current;
  const on = (type, body) => client.addEventListener(type, (e) => body(current, e.detail));
  for (const type of ['speech_started', 'partial', 'final']) on(type, onWords);
  for (const type of ['stats', 'closed']) on(type, onCount);
  on('ready', onReady);
  on('overload', (_, event) => showOverload(event));
  on('revision', onRevision);
  on('error', onError);
  on('state', (_, { state, ...why }) => {
    if (state === 'ended') finish(current, why);
    else showState(current.stopping && state === 'open' ? 'finishing' : state);
  });
}

function finish(current, { cause, message, retryAfterS }) {
  if (run !== current) return;
  run = null;
  current.source.stop();
  current.awake?.release();
  const any = transcript.close(current.session, current.recording, cause === 'done');
  if (any) player.load(current.session);
  who.refresh(mergeRefusal);
  $('progress').hidden = true;
  $('speak').style.setProperty('--level', 0);
  const calm = cause === 'done' || cause === 'aborted';
  showNotice(cause === 'done' && !any ? 'No words were heard.' : '');
  showState(calm ? 'idle' : cause === 'key' ? 'key' : 'failed');
  if (cause === 'key') askForKey(current.open, message);
  else if (!calm) showTrouble(plain[cause](message, retryAfterS ? `Try again in ${retryAfterS} second${retryAfterS === 1 ? '' : 's'}.` : ''));
}

// Runs `open`, which gives { source, name, live }, to its end.
async function begin(open) {
  if (run) return;
  const current = { open, stopping: false, first: new Set(), merged: [], speakers: speakerParams(), privacy: privacyParams() };
  run = current;
  player.unload();
  $('error').hidden = true;
  $('key-form').hidden = true;
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
  const { rate } = current.source;
  current.marks = new Marks(rate);
  current.recording = new Recording(rate);
  current.client = new StenoClient(stream(), { encoding: 'pcm_s16le', sample_rate: rate, ...current.speakers, ...current.privacy }, { key: keyHere });
  current.session = transcript.open(current.name, current.speakers.speakers);
  $('progress').value = 0;
  $('progress').hidden = current.microphone === true;
  listen(current);
  current.client.start();
  current.source.start((samples, peak) => {
    current.recording.add(samples);
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

const speak = () => begin(async () => ({ source: await openMicrophone(), name: 'Microphone', live: true, microphone: true }));

function transcribe(file) {
  const fast = $('fast').checked;
  const onProgress = (share) => ($('progress').value = share);
  return begin(async (client) => ({ source: fileSource(await decodeFile(file), { fast, client, onProgress }), name: file.name, live: !fast }));
}

function offer(files) {
  if (run) return showTrouble('Stop what is running first, then choose a file.');
  if (files.length > 1) return showTrouble('One file at a time, please.');
  if (files.length === 1) transcribe(files[0]);
}

// ---- who speaks -------------------------------------------------------------------------------------------------------

// The run that still tells this session's speakers apart, or null.
const runOf = (session) => (run?.session === session && !run.stopping ? run : null);

function nameSpeaker(session, label, typed) {
  const name = asName(typed);
  session.speakers.rename(label, name);
  runOf(session)?.client.nameSpeaker(session.speakers.of(label), name);
  following(() => session.repaint());
}

function mergeSpeakers(session, from, into) {
  const { speakers } = session;
  const [one, other] = [speakers.of(from), speakers.of(into)];
  const unnamed = !speakers.isNamed(other);
  const undo = speakers.merge(one, other);
  const live = runOf(session);
  live?.merged.push(undo);
  live?.client.mergeSpeakers(one, other);
  if (unnamed && speakers.isNamed(other)) live?.client.nameSpeaker(other, speakers.name(other));
  following(() => session.repaint());
  if (player.session === session) player.reload();
}

const who = new WhoEditor({ onName: nameSpeaker, onSame: mergeSpeakers });

function mergeRefusal(session) {
  const fixed = runOf(session) && session.speakers.contract !== 'revise';
  return fixed ? 'Labels of this stream never change while it runs: two speakers can be made one when it is over.' : '';
}

function openWho(session, chip) {
  const row = session.saidRows.find(({ item }) => item.contains(chip));
  if (row) who.toggle(session, row, chip, mergeRefusal(session));
}

// ---- taking text away -------------------------------------------------------------------------------------------------

async function copy(session, button) {
  const text = FORMATS.txt.make(session.document());
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard object; the old way still works there.
    const area = child(document.body, 'textarea', 'hidden-text');
    area.value = text;
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    button.focus();
    if (!copied) return showTrouble('The browser did not allow copying. Select the text, or download it.');
  }
  button.textContent = 'Copied';
  setTimeout(() => (button.textContent = 'Copy'), 1500);
}

function save(session, format) {
  const { type, make } = FORMATS[format];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([make(session.document())], { type: `${type};charset=utf-8` }));
  link.download = `${session.fileName}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// ---- hands ------------------------------------------------------------------------------------------------------------

// One listener for everything inside the sessions; `target` is what was pressed.
function onSessionClick({ target }) {
  const session = transcript.of(target);
  const button = target.closest('button');
  if (!session) return;
  if (button?.matches('.copy')) return copy(session, button);
  if (button?.dataset.format) return save(session, button.dataset.format);
  if (button?.matches('.turn > .who')) return openWho(session, button);
  if (run || !session.recording) return;
  if (button?.matches('.play')) {
    player.load(session);
    return player.toggle();
  }
  const row = session.saidRows.find(({ item }) => item.contains(target));
  if (button?.matches('.from')) return player.playFrom(session, row.event.start);
  const word = target.closest('.word');
  if (word && getSelection().isCollapsed) player.playFrom(session, session.words().find(({ element }) => element === word).start);
}

const OWN_KEYS = 'input, select, textarea, summary, a, button:not(.from)'; // these use the keys themselves

// Up and down move between the times of a session, and between its speakers, of which only one is a stop of the tab key.
function moveAmong(kind, from, by) {
  const all = [...transcript.of(from).section.querySelectorAll(kind)];
  const to = all[all.indexOf(from) + by];
  if (!to) return;
  for (const one of all) one.tabIndex = one === to ? 0 : -1;
  to.focus();
}

function onKey(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const kind = ['button.from', '.turn > button.who'].find((one) => target.matches?.(one));
  if (key === 'Escape' && who.isOpen) who.close();
  else if (kind && (key === 'ArrowUp' || key === 'ArrowDown')) moveAmong(kind, target, key === 'ArrowUp' ? -1 : 1);
  else if (target.closest?.(OWN_KEYS)) return;
  else if (player.session && key === ' ') player.toggle();
  else if (player.session && (key === 'ArrowLeft' || key === 'ArrowRight')) player.step(key === 'ArrowLeft' ? -1 : 1);
  else return;
  event.preventDefault();
}

openSettings();
openPrivacy();
$('speak').addEventListener('click', () => (run ? stop(run) : speak()));
$('choose').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', () => {
  offer([...$('file').files]);
  $('file').value = '';
});
$('error-close').addEventListener('click', () => {
  $('error').hidden = true;
  $('speak').focus();
});
$('key-form').addEventListener('submit', giveKey);
$('forget-key').addEventListener('click', () => keepKey(''));
$('forget-key').hidden = !keyHere;
$('sessions').addEventListener('click', onSessionClick);
$('clear').addEventListener('click', () => {
  player.unload();
  transcript.clear(run?.session);
  $('speak').focus();
});
addEventListener('keydown', onKey);
addEventListener('keyup', (event) => event.key === ' ' && event.target.closest?.('button.from') && event.preventDefault()); // else it would press it, too
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
