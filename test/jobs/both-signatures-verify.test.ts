import { createHmac } from 'node:crypto'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { createSecret, signatureHeaders } from '../../src/jobs/webhooks/signature.ts'

const BODY = JSON.stringify({ id: 'evt_1', type: 'batch.completed', created: 1, data: { name: 'ünïcode ✓' } })

function signed(secrets: string[], body = BODY): Record<string, string> {
  return signatureHeaders(secrets, { id: 'evt_1', body, timestampSeconds: Math.floor(Date.now() / 1000) })
}

/** A receiver as AIGateway's page describes it; a map of the header's pairs keeps the last of one name. */
function gatewayVerifies(header: string, body: string, secret: string): boolean {
  const { t, v1 } = Object.fromEntries(header.split(',').map((pair) => pair.split('='))) as Record<string, string>
  return createHmac('sha256', secret).update(`${t}.${body}`).digest('hex') === v1
}

describe('a webhook’s signatures', () => {
  const secret = createSecret()
  const older = createSecret()
  const client = new OpenAI({ apiKey: 'any' })

  it('verify with the standardwebhooks package', () => {
    expect(new Webhook(secret).verify(BODY, signed([secret]))).toEqual(JSON.parse(BODY))
  })

  it('verify with the openai client', async () => {
    expect(await client.webhooks.unwrap(BODY, signed([secret]), secret)).toEqual(JSON.parse(BODY))
  })

  it('verify as AIGateway’s own', () => {
    expect(gatewayVerifies(signed([secret])['x-gateway-signature']!, BODY, secret)).toBe(true)
  })

  it('verify with either secret while one replaces the other', async () => {
    const headers = signed([secret, older])
    for (const each of [secret, older]) {
      expect(new Webhook(each).verify(BODY, headers)).toEqual(JSON.parse(BODY))
      expect(await client.webhooks.unwrap(BODY, headers, each)).toEqual(JSON.parse(BODY))
    }
    expect(gatewayVerifies(headers['x-gateway-signature']!, BODY, secret)).toBe(true)
    expect(headers['x-gateway-signature']!.split(',')).toHaveLength(3)
  })

  it('do not verify another body or another secret', async () => {
    const headers = signed([secret])
    expect(() => new Webhook(secret).verify(`${BODY} `, headers)).toThrow()
    expect(() => new Webhook(older).verify(BODY, headers)).toThrow()
    await expect(client.webhooks.unwrap(`${BODY} `, headers, secret)).rejects.toThrow()
    expect(gatewayVerifies(headers['x-gateway-signature']!, `${BODY} `, secret)).toBe(false)
  })
})
