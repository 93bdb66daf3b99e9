// Writes the seed corpora of fuzz_onnx, fuzz_weights, fuzz_tokenizer and fuzz_manifest: small files that reach the deep
// paths. They are in the tree; run this from the root after changing a format: node fuzz/seeds_nn.mjs
import { mkdirSync, writeFileSync } from 'node:fs';

function put(fuzzer, name, bytes) {
  mkdirSync(`fuzz/corpus/${fuzzer}`, { recursive: true });
  writeFileSync(`fuzz/corpus/${fuzzer}/${name}`, bytes);
}

// protobuf
const varint = (v) => { const out = []; for (v = BigInt(v); v > 127n; v >>= 7n) out.push(Number(v & 127n) | 128); out.push(Number(v)); return Buffer.from(out); };
const int = (field, v) => Buffer.concat([varint(field << 3), varint(v)]);
const bytes = (field, b) => { b = Buffer.from(b); return Buffer.concat([varint(field << 3 | 2), varint(b.length), b]); };
const fixed = (field, f) => { const b = Buffer.alloc(4); b.writeFloatLE(f); return Buffer.concat([varint(field << 3 | 5), b]); };
const cat = (...parts) => Buffer.concat(parts);
const tensor = (name, type, dims, ...values) => cat(...dims.map((d) => int(1, d)), int(2, type), bytes(8, name), ...values);
const node = (op, inputs, outputs, ...attributes) =>
  cat(...inputs.map((n) => bytes(1, n)), ...outputs.map((n) => bytes(2, n)), bytes(4, op), ...attributes.map((a) => bytes(5, a)));
const graph = (nodes, tensors) => cat(...nodes.map((n) => bytes(1, n)), ...tensors.map((t) => bytes(5, t)));
const model = (g) => cat(int(1, 10), bytes(2, 'seed'), bytes(7, g));

const linear = (path) => [
  node('MatMulInteger', ['x_quantized', 'w_quantized', 'x_zero_point', 'w_zero_point'], [`${path}/MatMul_output_0_output_quantized`]),
  node('Mul', ['x_scale', 'w_scale'], [`${path}/MatMul_quant_scales_mul:0`]),
];
const weights = [
  tensor('w_quantized', 2, [2, 3], bytes(9, [1, 2, 3, 4, 5, 6])),
  tensor('w_scale', 1, [], fixed(4, 0.5)),
  tensor('w_zero_point', 2, [], int(5, 127)),
  tensor('packed', 2, [], bytes(5, varint(200))),
  tensor('floats', 1, [2], bytes(4, Buffer.alloc(8))),
  tensor('axes', 7, [2], bytes(7, [1, 2])),
];
const then = graph([node('Constant', [], ['c'], cat(bytes(1, 'value'), bytes(5, tensor('stft.forward_basis_buffer', 1, [1], fixed(4, 1)))))], []);
put('fuzz_onnx', 'linear.onnx', model(graph(linear('/layers.0/self_attn/q_proj'), weights)));
put('fuzz_onnx', 'if.onnx', model(graph([node('If', ['cond'], ['y'], cat(bytes(1, 'then_branch'), bytes(6, then)), cat(bytes(1, 'else_branch'), bytes(6, then)))], weights)));
put('fuzz_onnx', 'embed.onnx', model(graph([
  node('Gather', ['w_quantized', 'input_ids'], ['/model/decoder/embed_tokens/Gather_output_0_quantized']),
  node('DequantizeLinear', ['g', 'w_scale', 'w_zero_point'], ['/model/decoder/embed_tokens/Gather_output_0'], cat(bytes(1, 'axis'), int(3, 1))),
], weights)));

// safetensors
const safetensors = (header, data) => {
  let text = typeof header === 'string' ? header : JSON.stringify(header);
  while ((8 + text.length) % 64) text += ' ';
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return cat(length, Buffer.from(text), Buffer.alloc(data));
};
put('fuzz_weights', 'two.safetensors', safetensors({ __metadata__: { format: 'steno', name: 'seed' }, a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] }, b: { dtype: 'U8', shape: [5], data_offsets: [24, 29] } }, 29));
put('fuzz_weights', 'scalar.safetensors', safetensors({ s: { dtype: 'I64', shape: [], data_offsets: [0, 8] } }, 8));
put('fuzz_weights', 'overlap.safetensors', safetensors({ a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] }, b: { dtype: 'U8', shape: [4], data_offsets: [2, 6] } }, 6));
put('fuzz_weights', 'empty.safetensors', safetensors({}, 0));

// vocabularies
const tokens = (pieces) => pieces.map((p, i) => `${Buffer.from(p).toString('base64')} ${i}\n`).join('');
put('fuzz_tokenizer', 'words.txt', tokens(['', ' the', 'cat', ' ', '\u00e9', '.']));
put('fuzz_tokenizer', 'bytes.txt', tokens([[0xe2], [0x96], [0x81], [0xf0, 0x9f], [0x98, 0x80], [0xff], [0]]));
put('fuzz_tokenizer', 'no-newline.txt', tokens(['a', 'b']).trimEnd());

// manifests
const entry = (file) => ({ file, role: 'speech recognition', licence: 'MIT', sha256: '0'.repeat(64), bytes: 3 });
put('fuzz_manifest', 'one.json', JSON.stringify({ format: 'steno-models', version: 1, files: [entry('a.safetensors'), entry('tokens.txt')] }));
put('fuzz_manifest', 'escape.json', JSON.stringify({ format: 'steno-models', version: 1, files: [entry('../a')] }));
put('fuzz_manifest', 'empty.json', JSON.stringify({ format: 'steno-models', version: 1, files: [] }));
