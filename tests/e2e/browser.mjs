// browser.mjs: what the tests of the page share: Chromium with a recorded voice as its microphone, pictures, complaints.
// PAGE_SHOTS=FOLDER leaves pictures to look at.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recording, samples, skip } from './harness.mjs';

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SHOTS = process.env.PAGE_SHOTS;
const LIMIT_MS = 60000; // a hang is a failure
// A browser that looks nothing up outside this machine.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];

export async function packages() {
  if (!existsSync(CHROMIUM)) skip(`${CHROMIUM} is not there: install the package chromium, or set CHROMIUM`);
  try {
    return { chromium: (await import('playwright-core')).chromium, WebSocketServer: (await import('ws')).WebSocketServer };
  } catch {
    return skip('playwright-core and ws are not installed: npm ci --ignore-scripts in tests/e2e');
  }
}

// A failure inside tells the whole of `what` too.
export function telling(what, body) {
  try {
    return body();
  } catch (error) {
    error.stack += `\nwhat there was: ${JSON.stringify(what)}`;
    throw error;
  }
}

// Opens `address`, runs `body(page)`, and fails on anything the browser complained of but `complaints`.
export async function withBrowser({ address, flags = [], context = {}, mic = true, complaints = [] }, body) {
  const { chromium } = await packages();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
  try {
    const ctx = await browser.newContext({ permissions: mic ? ['microphone', 'clipboard-read', 'clipboard-write'] : [], ...context });
    const page = await ctx.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && wrong.push(`${message.text()} ${message.location().url}`));
    page.on('request', (request) => /^(http:\/\/127\.0\.0\.1|blob:)/.test(request.url()) || wrong.push(`asks for ${request.url()}`));
    await page.goto(address);
    await body(page);
    assert.deepEqual(wrong.filter((text) => !complaints.some((c) => c.test(text))), []);
  } finally {
    await browser.close();
  }
}

export async function shot(page, name, whole = true) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: whole });
}

export const microphone = (file) => ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${file}`];
export const speech = () => samples(recording('0870'));
export const state = (page, name) => page.waitForSelector(`#connection[data-state="${name}"]`);
export const finals = (page) => page.locator('li.final').allInnerTexts().then((all) => all.map((t) => t.replace(/\s+/g, ' ')));

// Every text a partial or final had on the page, as it changed.
export const watchTexts = (page) => page.evaluate(() => {
  window.seen = [];
  new MutationObserver(() => {
    const last = document.querySelector('#sessions li:last-child');
    const spans = [...(last?.querySelectorAll('p > span') ?? [])].map((s) => s.textContent);
    const now = last && `${last.className}: ${spans.join('|')}`;
    if (now && now !== window.seen.at(-1)) window.seen.push(now);
  }).observe(document.querySelector('#sessions'), { subtree: true, childList: true, characterData: true, attributes: true });
});

export const watchStates = (page) => page.evaluate(() => {
  const connection = document.querySelector('#connection');
  window.states = [];
  new MutationObserver(() => window.states.push(connection.dataset.state)).observe(connection, { attributes: true });
});

// What the buttons of the first session save: { txt: { name, text }, srt … }.
export async function downloads(page) {
  const files = {};
  for (const format of ['txt', 'srt', 'vtt', 'json']) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-format="${format}"]`)]);
    files[format] = { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
  }
  return files;
}

// Texts in sight that do not reach 4.5:1 against the ground they stand on (3:1 when large), and what they reach.
export const faintTexts = (page) => page.evaluate(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const colour = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const c = colour(getComputedStyle(at).backgroundColor);
      if (c[3] === 255) return c;
    }
    return colour(getComputedStyle(document.body).backgroundColor);
  };
  const faint = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (!own || !element.checkVisibility() || element.closest(':disabled, .hidden-text, noscript')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(colour(style.color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) faint.push(`${element.id || element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return faint;
});

// What is marked while it plays, in order: window.heard.
export const watchMarks = (page) => page.evaluate(() => {
  window.heard = [];
  const note = ({ target }) => target.getAttribute('aria-current') && window.heard.push(target.textContent);
  new MutationObserver((all) => all.forEach(note)).observe(document.querySelector('#sessions'), { subtree: true, attributeFilter: ['aria-current'] });
});

// The marks of playback: in the order of speech, none twice; a busy machine may miss some. Then, paused, each word by the arrow keys: all of them.
export async function checkMarks(page) {
  const words = await page.locator('.session:last-child .word').allTextContents();
  const heard = await page.evaluate(() => window.heard);
  telling({ heard, words }, () => {
    let at = -1;
    for (const word of heard) assert.ok((at = words.indexOf(word, at + 1)) >= 0, `${word} out of its turn`);
  });
  await page.keyboard.press(' ');
  await page.waitForSelector('#player-play:not(.playing)');
  await page.locator('#seek').evaluate((slider) => {
    slider.value = slider.min;
    slider.dispatchEvent(new Event('input'));
  });
  const stepped = [];
  for (let i = 0; i <= words.length; i++) {
    const now = await page.locator('.word[aria-current]').allTextContents();
    if (now.length && stepped.length < words.length) stepped.push(now.join('+'));
    await page.keyboard.press('ArrowRight');
  }
  telling({ stepped, words }, () => assert.deepEqual(stepped, words, 'word by word'));
}
