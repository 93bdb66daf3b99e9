// Writes tokens.txt: the piece of every token id of Moonshine, one a line as base64(piece bytes) SPACE id.
//
//   node models/tokens.mjs [OUT [NODE_MODULES_DIR]]      default: tokens.txt, node_modules beside this script
//
// The vocabulary is the 32,000-piece Llama one of llama-tokenizer-js. U+2581 marks a word start there and becomes a
// space; <0xNN> stands for one byte and becomes it. The model has 32,768 outputs: control pieces (<unk>, <s>, </s>) and
// ids past the vocabulary have no text, so their piece is empty.
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const IDS = 32768;
const CONTROL = new Set(['<unk>', '<s>', '</s>']);

const [out = 'tokens.txt', modules = join(dirname(fileURLToPath(import.meta.url)), 'node_modules')] = process.argv.slice(2);

function pieceBytes(piece) {
  if (piece === undefined || CONTROL.has(piece)) return Buffer.alloc(0);
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece);
  return byte ? Buffer.from([parseInt(byte[1], 16)]) : Buffer.from(piece.replaceAll('\u2581', ' '), 'utf8');
}

const entry = join(resolve(modules), 'llama-tokenizer-js', 'llama-tokenizer.js');
const module = await import(pathToFileURL(entry).href);
const vocabulary = (module.default ?? module).vocabById;
if (!Array.isArray(vocabulary) || vocabulary.length !== 32000) {
  throw new Error(`${entry}: ${vocabulary?.length} pieces, and 32000 are expected`);
}

const lines = [];
for (let id = 0; id < IDS; id++) lines.push(`${pieceBytes(vocabulary[id]).toString('base64')} ${id}\n`);

const part = `${out}.${process.pid}.part`;
writeFileSync(part, lines.join(''));
const fd = openSync(part, 'r+');
fsyncSync(fd);
closeSync(fd);
renameSync(part, out);
