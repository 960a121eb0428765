/** Of Node's HTTP. An import would read all that it exports, and with WebSocket the whole of undici: a tenth of the start. */
export const { Agent, request, STATUS_CODES } = process.getBuiltinModule('node:http')
