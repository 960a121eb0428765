/** What a receiver is sent: AIGateway's envelope, with the two fields more that OpenAI's has. */
export function eventBody(event: { id: string; type: string; createdAt: Date; data: Record<string, unknown> }): string {
  const created = Math.floor(event.createdAt.getTime() / 1000)
  const { id, type, data } = event
  return JSON.stringify({ id, object: 'event', type, created, created_at: created, data })
}
