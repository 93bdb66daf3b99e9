// test_page.mjs: the live page in a real browser, against fake_stream.mjs. Skipped without Chromium (CHROMIUM, or /usr/bin/chromium)
// or the packages of tests/e2e/package.json. PAGE_SHOTS=FOLDER leaves pictures to look at.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { concatenate, recording, samples, skip, test, write, writeWav } from './harness.mjs';
import { FakeStream } from './fake_stream.mjs';
import { validateControl, validateEvent } from './protocol_schema.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SHOTS = process.env.PAGE_SHOTS;
const LIMIT_MS = 60000; // a hang is a failure
// A browser that looks nothing up outside this machine.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];

async function packages() {
  if (!existsSync(CHROMIUM)) skip(`${CHROMIUM} is not there: install the package chromium, or set CHROMIUM`);
  try {
    return { chromium: (await import('playwright-core')).chromium, WebSocketServer: (await import('ws')).WebSocketServer };
  } catch {
    return skip('playwright-core and ws are not installed: npm ci --ignore-scripts in tests/e2e');
  }
}

// A failure inside tells the whole of `what` too.
function telling(what, body) {
  try {
    return body();
  } catch (error) {
    error.stack += `\nwhat there was: ${JSON.stringify(what)}`;
    throw error;
  }
}

// Opens the page, runs `body(page, fake)`, and fails on anything the browser complained of.
async function withPage({ flags = [], context = {}, mic = true, options = {}, complaints = [] }, body) {
  const { chromium, WebSocketServer } = await packages();
  const fake = await new FakeStream(WebSocketServer).listen();
  fake.options = options;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
  try {
    const ctx = await browser.newContext({ permissions: mic ? ['microphone', 'clipboard-read', 'clipboard-write'] : [], ...context });
    const page = await ctx.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
    page.on('request', (request) => /^(http:\/\/127\.0\.0\.1|blob:)/.test(request.url()) || wrong.push(`asks for ${request.url()}`));
    await page.goto(fake.address);
    await body(page, fake);
    assert.deepEqual(wrong.filter((text) => !complaints.some((c) => c.test(text))), []);
    for (const event of fake.said) validateEvent(event);
  } finally {
    await browser.close();
    await fake.close();
  }
}

async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

const microphone = (file) => ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${file}`];
const speech = () => samples(recording('0870'));
const state = (page, name) => page.waitForSelector(`#connection[data-state="${name}"]`);
const finals = (page) => page.locator('li.final').allInnerTexts().then((all) => all.map((t) => t.replace(/\s+/g, ' ')));

// Every text a partial or final had on the page, as it changed.
const watchTexts = (page) => page.evaluate(() => {
  window.seen = [];
  new MutationObserver(() => {
    const last = document.querySelector('#sessions li:last-child');
    const spans = [...(last?.querySelectorAll('span') ?? [])].map((s) => s.textContent);
    const now = last && `${last.className}: ${spans.join('|')}`;
    if (now && now !== window.seen.at(-1)) window.seen.push(now);
  }).observe(document.querySelector('#sessions'), { subtree: true, childList: true, characterData: true, attributes: true });
});

const watchStates = (page) => page.evaluate(() => {
  const connection = document.querySelector('#connection');
  window.states = [];
  new MutationObserver(() => window.states.push(connection.dataset.state)).observe(connection, { attributes: true });
});

test('page: a microphone is heard; partials are rewritten in place and finals stay', async () => {
  const wav = existsSync(CHROMIUM) ? writeWav('mic.wav', speech()) : '';
  await withPage({ flags: microphone(wav), options: { overloadAt: 2.5 } }, async (page, fake) => {
    await shot(page, 'light-idle');
    await watchTexts(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'speak');
    await page.keyboard.press('Enter');
    await page.waitForSelector('li.final');
    await page.waitForSelector('#notice:not([hidden])');
    await page.waitForFunction(() => document.querySelectorAll('li.final').length >= 2 && document.querySelector('li.partial .stable')?.textContent);
    await shot(page, 'light-speaking');
    const seen = await page.evaluate(() => window.seen);
    assert.ok(seen.includes('partial: so what| do you'), seen.join('\n'));
    assert.ok(seen.includes('partial: So what do you 👋 |sink'), 'stable characters are counted as Unicode does');
    assert.ok(seen.includes('final: So what do you 👋 think?|'));
    assert.match(await page.textContent('#notice'), /every 1\.5 s/);
    for (const id of ['first-text', 'partial-lag', 'final-lag']) assert.match(await page.textContent(`#${id}`), /^[\d.]+ m?s$/, id);
    await page.keyboard.press('Enter'); // the button is Stop now
    await state(page, 'idle');
    const [session] = fake.sessions;
    assert.equal(session.rate, 16000);
    const heard = session.samples();
    assert.ok(heard.some((v) => Math.abs(v) > 500), 'the microphone was silent');
    assert.ok(session.taken.slice(0, -1).every((packet) => packet.length === 512), 'packets of 32 ms');
    assert.equal(await page.textContent('#speak-label'), 'Speak');
    const announced = await page.locator('#announce p').allTextContents();
    assert.ok(announced.includes('So what do you 👋 think?') && !announced.includes('so what'), announced.join('|'));
  });
});

test('page: a file arrives whole and in order though the connection breaks twice', async () => {
  const { chromium } = await packages();
  assert.ok(chromium);
  const pcm = speech();
  const wav = writeWav('whole.wav', pcm);
  await withPage({ options: { drops: [1.1, 3.3] } }, async (page, fake) => {
    await watchStates(page);
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('li.final');
    await state(page, 'idle');
    const states = await page.evaluate(() => window.states);
    assert.equal(states.filter((name) => name === 'resuming').length, 2, states.join());
    assert.deepEqual(fake.options.drops, []);
    assert.equal(fake.connections, 3);
    assert.equal(fake.sessions.length, 1);
    assert.deepEqual(fake.sessions[0].samples(), pcm);
    const said = fake.sessions[0].events.filter((e) => e.type === 'final' && e.text).map((e) => e.text);
    assert.ok(said.length >= 3);
    assert.deepEqual((await finals(page)).map((t) => t.replace(/^[\d:.]+ /, '')), said);
    assert.deepEqual(await page.locator('#announce p').allTextContents(), said, 'each final is announced once');
  });
});

async function survives(options) {
  await packages();
  await withPage({ options: { drops: [1, 2], ...options } }, async (page, fake) => {
    const got = await page.evaluate(async () => {
      const { StenoClient } = await import('/client.js');
      const client = new StenoClient(location.href.replace('http', 'ws') + 'v1/stream', { sample_rate: 8000, stats_ms: 1000 });
      const events = [];
      for (const type of ['ready', 'speech_started', 'partial', 'final', 'stats', 'closed']) client.addEventListener(type, (e) => events.push(e.detail));
      const ended = new Promise((resolve) => client.addEventListener('state', (e) => e.detail.state === 'ended' && resolve(e.detail)));
      client.start();
      // All before the connection is there; packets of odd lengths.
      for (let at = 0, n = 1; at < 24000; at += n, n = (n * 7 + 3) % 1013) client.send(Int16Array.from({ length: Math.min(n, 24000 - at) }, (_, i) => at + i));
      client.configure({ endpoint_ms: 300 });
      client.finalize();
      client.close();
      client.send(new Int16Array(10)); // after the end: not taken
      return { ended: await ended, events, given: client.samplesGiven, waiting: client.samplesWaiting };
    });
    telling({ got, said: fake.sessions.map((s) => s.events), controls: fake.controls, connections: fake.connections }, () => {
      assert.deepEqual(got.ended, { state: 'ended', cause: 'done', message: '' });
      assert.equal(got.given, 24000);
      assert.equal(got.waiting, 0, 'everything was acknowledged');
      assert.deepEqual([...fake.sessions[0].samples()], Array.from({ length: 24000 }, (_, i) => i));
      const session = fake.sessions[0].events.filter((e) => e.type !== 'ready').map((e) => e.seq);
      assert.deepEqual(got.events.filter((e) => e.type !== 'ready').map((e) => e.seq), session, 'every event once, in order');
      assert.deepEqual(got.events.filter((e) => e.type === 'ready').map((e) => e.resumed), [false, true, true]);
      assert.deepEqual(fake.controls, [{ type: 'configure', endpoint_ms: 300 }, { type: 'finalize' }, { type: 'close' }]);
    });
    for (const control of fake.controls) validateControl(control);
  });
}

test('client.js: controls and audio survive a break, and no event is handed on twice', () => survives({}));

test('client.js: a session whose events were not read (1013) is resumed', () => survives({ dropCode: 1013 }));

test('client.js: a break that takes every event since `ready` with it', () => survives({ deafDrops: true }));

test('client.js: a server that lost audio it had acknowledged is not trusted', async () => {
  await packages();
  await withPage({ options: { drops: [2] } }, async (page, fake) => {
    fake.forgets = true;
    const ended = await page.evaluate(async () => {
      const { StenoClient } = await import('/client.js');
      const client = new StenoClient(location.href.replace('http', 'ws') + 'v1/stream');
      const end = new Promise((resolve) => client.addEventListener('state', (e) => e.detail.state === 'ended' && resolve(e.detail)));
      client.start();
      for (let at = 0; at < 48000; at += 800) client.send(new Int16Array(800));
      return end;
    });
    telling({ ended, said: fake.said }, () => assert.equal(ended.cause, 'lost'));
  });
});

test('page: as fast as the server takes it, with copy, download, clear', async () => {
  await packages();
  const pcm = speech();
  const wav = writeWav('fast.wav', pcm);
  await withPage({}, async (page, fake) => {
    await page.check('#fast');
    await page.setInputFiles('#file', wav);
    await page.waitForSelector('li.final');
    await state(page, 'idle');
    assert.deepEqual(fake.sessions[0].samples(), pcm);
    assert.equal(await page.textContent('#first-text'), '–', 'no latencies when time does not pace');
    const said = fake.sessions[0].events.filter((e) => e.type === 'final' && e.text);
    const text = `${said.map((e) => e.text).join('\n')}\n`;
    await page.click('#copy');
    await page.waitForFunction(() => document.querySelector('#copy').textContent === 'Copied');
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
    const saved = async (button) => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
      return readFileSync(await download.path(), 'utf8');
    };
    assert.equal(await saved('#save-txt'), text);
    const { sessions } = JSON.parse(await saved('#save-json'));
    assert.equal(sessions.length, 1);
    assert.equal(sessions[0].source, 'fast.wav');
    assert.equal(sessions[0].model, 'tiny');
    assert.deepEqual(sessions[0].segments.map((s) => [s.text, s.start, s.words.length]), said.map((e) => [e.text, e.start, e.words.length]));
    assert.equal(await page.locator('#sessions b').count(), 0, 'text is text, not markup');
    await page.click('#clear');
    assert.equal(await page.locator('#sessions li').count(), 0);
    assert.ok(await page.isVisible('#empty'));
    // Too short for a word: nothing is left, and it is said.
    await page.setInputFiles('#file', writeWav('short.wav', pcm.subarray(0, 1600)));
    await page.waitForSelector('#notice:not([hidden])');
    assert.equal(await page.textContent('#notice'), 'No words were heard.');
    assert.ok(await page.isVisible('#empty'));
  });
});

test('page: what goes wrong is said in plain words', async () => {
  await packages();
  const good = writeWav('good.wav', speech().subarray(0, 32000));
  const http = [/the server responded with a status of/i, /WebSocket connection to .* failed/];
  await withPage({ mic: false, complaints: http }, async (page, fake) => {
    const trouble = async (pattern) => {
      await page.waitForFunction((p) => new RegExp(p).test(document.querySelector('#error:not([hidden])')?.textContent ?? ''), pattern);
      await state(page, 'failed');
    };
    await page.click('#speak');
    await trouble('[Mm]icrophone');
    await page.setInputFiles('#file', write('notes.wav', 'these are no sounds'));
    await trouble('notes\\.wav is not a recording this browser can read');
    for (const [options, pattern] of [[{ refuse: 503 }, 'full.*5 seconds'], [{ refuse: 400 }, 'refused.*below 8000'], [{ closeWith: 1013 }, 'probably full'],
      [{ failAt: 0.5 }, 'Recognition failed.*gave up'], [{ refuse: 503, shy: true }, 'probably full'], [{ drainAt: 0.5 }, 'shut down']]) {
      fake.options = options;
      await page.setInputFiles('#file', good);
      await trouble(pattern);
    }
    await shot(page, 'light-error');
    await page.click('#error-close');
    assert.ok(await page.isHidden('#error'));
    assert.equal(await page.evaluate(() => document.activeElement.id), 'speak');
    // A session that is not known any more cannot be resumed.
    fake.options = { drops: [0.5], forget: true };
    await page.setInputFiles('#file', good);
    await trouble('too long to be resumed');
    // And it works again after all that.
    fake.options = {};
    await page.setInputFiles('#file', good);
    await state(page, 'idle');
    assert.ok(await page.isHidden('#error'));
  });
});

test('page: a second press leaves a server that does not finish', async () => {
  await packages();
  const wav = writeWav('mic2.wav', speech());
  await withPage({ flags: microphone(wav), options: { neverClose: true } }, async (page, fake) => {
    await page.click('#speak');
    await page.waitForSelector('li.partial');
    await page.click('#speak');
    await state(page, 'finishing');
    const gone = new Promise((resolve) => [...fake.sockets.clients][0].on('close', resolve));
    await page.click('#speak');
    await state(page, 'idle');
    assert.equal(await gone, 1000, 'the server is told not to wait for it');
  });
});

test('page: fits a phone and the dark, and holds still for those who ask', async () => {
  await packages();
  const wav = writeWav('phone.wav', concatenate(Array(20).fill(recording('0870')))); // longer than the slowest machine takes to press Stop
  for (const [name, context] of [['phone-light', { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' }], ['dark', { colorScheme: 'dark' }],
    ['phone-dark', { viewport: { width: 320, height: 640 }, colorScheme: 'dark', deviceScaleFactor: 2 }]]) {
    await withPage({ context, options: { overloadAt: 0.5 } }, async (page) => {
      const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
      await page.setInputFiles('#file', wav);
      await page.waitForSelector('li.final');
      await page.waitForSelector('li.partial');
      assert.ok(await page.isVisible('#stop'));
      await shot(page, `${name}-running`);
      assert.ok(await fits(), `${name} scrolls sideways`);
      await page.click('#stop');
      await state(page, 'idle');
      await shot(page, name);
      assert.ok(await fits(), `${name} scrolls sideways`);
      const small = await page.evaluate(() => [...document.querySelectorAll('button')].filter((b) => b.offsetParent && (b.offsetHeight < 24 || b.offsetWidth < 24)).map((b) => b.id));
      assert.deepEqual(small, []);
    });
  }
});
