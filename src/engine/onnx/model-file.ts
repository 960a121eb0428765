import { Buffer } from 'node:buffer'
import {
  bytesField,
  concatenated,
  floatField,
  integerField,
  type Message,
  message,
  messageField,
  stringField,
} from './protobuf.ts'

// Field and type numbers are those of ONNX's own definition: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
const ELEMENT_TYPE = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 }
const ATTRIBUTE_TYPE = { float: 1, integer: 2, integers: 7 }
/** Where a tensor says that its data are elsewhere. */
const EXTERNAL = 1
/** The opset of ONNX 1.16; what it has is all that the graph needs. */
const OPSET = 21
const IR_VERSION = 10

export type ElementType = keyof typeof ELEMENT_TYPE

/** The name of a value in the graph. */
export type Value = string

/** Integers are written as ONNX integers, `{ float }` as a float, since the two differ on the wire. */
export type Attributes = Record<string, number | number[] | { float: number }>

/** Data that the model names by a path, and that ONNX Runtime is handed in memory. */
export type ExternalData = { path: string; data: Uint8Array }

/** Builds one ONNX model file, node by node, in the order of computation. */
export type ModelFile = {
  input(name: string, type: ElementType, shape: (number | string)[]): Value
  constant(type: ElementType, shape: number[], data: ArrayBufferView): Value
  /** A constant whose data are not in the file, but given beside it. */
  external(shape: number[], data: Float32Array): Value
  /** what `external` was given, as ONNX Runtime takes it */
  externalData: ExternalData[]
  node(operator: string, inputs: Value[], attributes?: Attributes): Value
  nodes(operator: string, inputs: Value[], outputs: number, attributes?: Attributes): Value[]
  finish(output: Value, name: string, type: ElementType, shape: (number | string)[]): Buffer
}

export function createModelFile(): ModelFile {
  const inputs: Message[] = []
  const constants: Message[] = []
  const nodes: Message[] = []
  let names = 0

  const file: ModelFile = {
    input(name, type, shape) {
      inputs.push(messageField(11, valueInfo(name, type, shape)))
      return name
    },
    constant(type, shape, data) {
      const name = `c${names++}`
      constants.push(messageField(5, tensor(name, type, shape, data)))
      return name
    },
    external(shape, data) {
      const name = `c${names++}`
      constants.push(messageField(5, externalTensor(name, shape)))
      file.externalData.push({ path: name, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) })
      return name
    },
    externalData: [],
    node: (operator, nodeInputs, attributes) => file.nodes(operator, nodeInputs, 1, attributes)[0]!,
    nodes(operator, nodeInputs, outputCount, attributes = {}) {
      const outputs = Array.from({ length: outputCount }, () => `v${names++}`)
      nodes.push(
        messageField(
          1,
          message(
            ...nodeInputs.map((input) => stringField(1, input)),
            ...outputs.map((output) => stringField(2, output)),
            stringField(4, operator),
            ...Object.entries(attributes).map(([name, value]) => messageField(5, attribute(name, value))),
          ),
        ),
      )
      return outputs
    },
    finish(output, name, type, shape) {
      nodes.push(messageField(1, message(stringField(1, output), stringField(2, name), stringField(4, 'Identity'))))
      const graph = message(
        ...nodes,
        stringField(2, 'network'),
        ...constants,
        ...inputs,
        messageField(12, valueInfo(name, type, shape)),
      )
      const opset = message(stringField(1, ''), integerField(2, OPSET))
      return concatenated(message(integerField(1, IR_VERSION), messageField(8, opset), messageField(7, graph)))
    },
  }
  return file
}

function attribute(name: string, value: number | number[] | { float: number }): Message {
  if (typeof value === 'number') {
    return message(stringField(1, name), integerField(3, value), integerField(20, ATTRIBUTE_TYPE.integer))
  }
  if (Array.isArray(value)) {
    const integers = value.map((integer) => integerField(8, integer))
    return message(stringField(1, name), ...integers, integerField(20, ATTRIBUTE_TYPE.integers))
  }
  return message(stringField(1, name), floatField(2, value.float), integerField(20, ATTRIBUTE_TYPE.float))
}

function tensor(name: string, type: ElementType, shape: number[], data: ArrayBufferView): Message {
  return message(
    ...shape.map((size) => integerField(1, size)),
    integerField(2, ELEMENT_TYPE[type]),
    stringField(8, name),
    bytesField(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  )
}

/** A tensor of floats whose data are at the path of its own name. */
function externalTensor(name: string, shape: number[]): Message {
  return message(
    ...shape.map((size) => integerField(1, size)),
    integerField(2, ELEMENT_TYPE.float32),
    stringField(8, name),
    messageField(13, message(stringField(1, 'location'), stringField(2, name))),
    integerField(14, EXTERNAL),
  )
}

/** A size that is not known before the run is given by a name. */
function valueInfo(name: string, type: ElementType, shape: (number | string)[]): Message {
  const sizes = shape.map((size) =>
    messageField(1, typeof size === 'number' ? integerField(1, size) : stringField(2, size)),
  )
  const tensorType = message(integerField(1, ELEMENT_TYPE[type]), messageField(2, message(...sizes)))
  return message(stringField(1, name), messageField(2, messageField(1, tensorType)))
}
