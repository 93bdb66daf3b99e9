// onnx_edit.mjs: two small changes to a serialised ONNX graph, made on the protobuf bytes so that no ONNX library is
// needed. Used by generate.mjs and kaldi.mjs only.
//
// Protobuf fields used (onnx.proto3): ModelProto.graph 7; GraphProto.node 1, .output 12, .value_info 13; NodeProto.input 1, .output 2,
// .name 3, .op_type 4, .attribute 5; AttributeProto.name 1, .i 3, .t 5, .g 6, .type 20, .graphs 11; TensorProto.dims 1,
// .data_type 2, .raw_data 9; ValueInfoProto.name 1, .type 2; TypeProto.tensor_type 1; Tensor.elem_type 1.

const WIRE_VARINT = 0;
export const WIRE_BYTES = 2;
const VALUE_INFO = 13; // GraphProto
export const FLOAT = 1; // TensorProto.DataType
const ATTRIBUTE_INT = 2; // AttributeProto.AttributeType
const ATTRIBUTE_TENSOR = 4;

function readVarint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++];
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
}

function varint(value) {
  const out = [];
  for (let v = BigInt(value); ; v >>= 7n) {
    if (v < 128n) return Buffer.from([...out, Number(v)]);
    out.push(Number(v & 127n) | 128);
  }
}

// A message as its fields in order: {field, wire, data}; data excludes the length prefix of byte strings.
function parse(bytes) {
  const fields = [];
  for (let at = 0; at < bytes.length; ) {
    let key;
    [key, at] = readVarint(bytes, at);
    const field = Number(key >> 3n);
    const wire = Number(key & 7n);
    let end = at;
    if (wire === WIRE_VARINT) [, end] = readVarint(bytes, at);
    else if (wire === 1) end = at + 8;
    else if (wire === 5) end = at + 4;
    else if (wire === WIRE_BYTES) {
      let length;
      [length, at] = readVarint(bytes, at);
      end = at + Number(length);
    } else throw new Error(`wire type ${wire} at byte ${at}`);
    fields.push({ field, wire, data: bytes.subarray(at, end) });
    at = end;
  }
  return fields;
}

export function serialise(fields) {
  const parts = [];
  for (const f of fields) {
    parts.push(varint((f.field << 3) | f.wire));
    if (f.wire === WIRE_BYTES) parts.push(varint(f.data.length));
    parts.push(f.data);
  }
  return Buffer.concat(parts);
}

export const text = (field, value) => ({ field, wire: WIRE_BYTES, data: Buffer.from(value) });
export const message = (field, fields) => ({ field, wire: WIRE_BYTES, data: serialise(fields) });
export const number = (field, value) => ({ field, wire: WIRE_VARINT, data: varint(value) });
const strings = (fields, field) => fields.filter((f) => f.field === field).map((f) => f.data.toString());

export function node(op, inputs, outputs, attributes = []) {
  return message(1, [...inputs.map((s) => text(1, s)), ...outputs.map((s) => text(2, s)), text(4, op), ...attributes]);
}

// A scalar f32 1.0 under the given name.
function one(output) {
  const tensor = message(5, [number(2, FLOAT), { field: 9, wire: WIRE_BYTES, data: Buffer.from([0, 0, 0x80, 0x3f]) }]);
  return node('Constant', [], [output], [message(5, [text(1, 'value'), tensor, number(20, ATTRIBUTE_TENSOR)])]);
}

// DynamicQuantizeLinear becomes "x stays x, its scale is 1"; MatMulInteger becomes a float product with weights
// w - zero point. The Cast and the scaling that follow in the graph then give x W without rounding the activations.
function editNode(field) {
  const fields = parse(field.data);
  const [op] = strings(fields, 4);
  const inputs = strings(fields, 1);
  const outputs = strings(fields, 2);
  if (op === 'DynamicQuantizeLinear') return [node('Identity', [inputs[0]], [outputs[0]]), one(outputs[1])];
  if (op === 'MatMulInteger') {
    const [stored, zero, weights] = ['_stored', '_zero', '_weights'].map((end) => outputs[0] + end);
    const toFloat = [message(5, [text(1, 'to'), number(3, FLOAT), number(20, ATTRIBUTE_INT)])];
    return [
      node('Cast', [inputs[1]], [stored], toFloat),
      node('Cast', [inputs[3]], [zero], toFloat),
      node('Sub', [stored, zero], [weights]),
      node('MatMul', [inputs[0], weights], [outputs[0]]),
    ];
  }
  const edited = fields.map((f) => (f.field === 5 ? { ...f, data: editAttribute(f.data) } : f));
  return [{ ...field, data: serialise(edited) }];
}

function editAttribute(bytes) {
  const fields = parse(bytes);
  if (!fields.some((f) => f.field === 6 || f.field === 11)) return bytes;
  return serialise(fields.map((f) => (f.field === 6 || f.field === 11 ? { ...f, data: editGraph(f.data) } : f)));
}

// The recorded types of intermediate tensors (value_info) go: some are bytes no longer, and the loader infers them all.
function editGraph(bytes) {
  const kept = parse(bytes).filter((f) => f.field !== VALUE_INFO);
  return serialise(kept.flatMap((f) => (f.field === 1 ? editNode(f) : [f])));
}

export function withoutActivationQuantisation(model) {
  return serialise(parse(model).map((f) => (f.field === 7 ? { ...f, data: editGraph(f.data) } : f)));
}

// Makes float tensors inside the main graph readable as outputs.
export function addOutputs(model, names) {
  const type = message(2, [message(1, [number(1, FLOAT)])]);
  const outputs = names.map((name) => message(12, [text(1, name), type]));
  const graph = (data) => serialise([...parse(data), ...outputs]);
  return serialise(parse(model).map((f) => (f.field === 7 ? { ...f, data: graph(f.data) } : f)));
}
