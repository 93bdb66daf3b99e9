// sources.js: where sound comes from: the microphone, or a file. Both have the same shape:
// { rate, start(onPacket(samples, peak), onEnd(why)), stop() }, with packets of 16-bit samples of one channel.
import { Trouble } from './dom.js';

export const FILE_RATE = 16000; // a file is decoded to this
const RATE_MAX = 48000; // the protocol's
const FILE_LIMIT_BYTES = 256 * 1024 * 1024; // decoding holds all of it in memory
const FILE_LIMIT_S = 3600;
const PROBE_LIMIT_MS = 5000;
const FILE_PACKET_SAMPLES = 512;
const FAST_WAITING_S = 10; // sending as fast as the server takes it: this much may be unacknowledged
const FAST_BUFFERED_BYTES = 256 * 1024;
const PACE_TICK_MS = 32;
const FLUSH_LIMIT_MS = 500;

// ---- the microphone ---------------------------------------------------------------------------------------------------

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

export async function openMicrophone() {
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
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, FLUSH_LIMIT_MS))]); // a dead device posts nothing
      if (context.state === 'closed') return; // a second stop, meanwhile
      for (const track of media.getTracks()) track.stop();
      await context.close();
    },
  };
}

// ---- a file -----------------------------------------------------------------------------------------------------------

// Seconds, as far as the head of the file tells: decoding a day of sound to learn that it is too long would take all memory.
async function probeDuration(file) {
  const audio = new Audio();
  const url = URL.createObjectURL(file);
  try {
    return await new Promise((resolve) => {
      audio.onloadedmetadata = () => resolve(audio.duration);
      audio.onerror = () => resolve(0); // decoding will tell
      setTimeout(() => resolve(0), PROBE_LIMIT_MS);
      audio.preload = 'metadata';
      audio.src = url;
    });
  } finally {
    audio.removeAttribute('src');
    URL.revokeObjectURL(url);
  }
}

function mixed(decoded) {
  const channels = Array.from({ length: decoded.numberOfChannels }, (_, i) => decoded.getChannelData(i));
  const samples = new Int16Array(decoded.length);
  for (let i = 0; i < samples.length; i++) {
    let sum = 0;
    for (const channel of channels) sum += channel[i];
    samples[i] = Math.round(Math.max(-32768, Math.min(32767, (sum / channels.length) * 32768)));
  }
  return samples;
}

// A recording as 16-bit samples at FILE_RATE, its channels mixed.
export async function decodeFile(file) {
  const tooLong = new Trouble(`${file.name} is longer than an hour: more than a browser can decode at once. “steno transcribe” takes it.`);
  if (file.size === 0) throw new Trouble(`${file.name} is empty.`);
  if (file.size > FILE_LIMIT_BYTES) throw new Trouble(`${file.name} is too large for the browser to decode (over 256 MB). “steno transcribe” takes it.`);
  const duration = await probeDuration(file);
  if (Number.isFinite(duration) && duration > FILE_LIMIT_S) throw tooLong;
  let decoded;
  try {
    decoded = await new OfflineAudioContext(1, 1, FILE_RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Trouble(`${file.name} is not a recording this browser can read. WAV, MP3, Ogg, FLAC and M4A usually work.`);
  }
  if (decoded.duration > FILE_LIMIT_S) throw tooLong;
  return mixed(decoded);
}

// A decoded file at the pace of time, or as fast as `client()` may send. onProgress: 0..1.
export function fileSource(samples, { fast, client, onProgress }) {
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
        onProgress(at / samples.length);
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
