/** What a test wants to know of an answer. */
export type Reply = { status: number; headers: Headers; body: unknown }

/** Sends JSON (or, given a string, exactly that) and reads JSON. */
export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  return read(
    await fetch(url, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers }),
  )
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Reply> {
  return read(await fetch(url, { headers }))
}

async function read(response: Response): Promise<Reply> {
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}
