import { Ai as Ai10 } from 'ai-1.0'
import { Ai as Ai11 } from 'ai-1.1'
import { Ai as Ai12 } from 'ai-1.2'

const VERSIONS = { '1.0.53': Ai10, '1.1.0': Ai11, '1.2.2': Ai12 }

/** The documented worker of 2023, through the version of @cloudflare/ai that the address names. */
export default {
  async fetch(request: Request, env: { AI: unknown }): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const ai = new VERSIONS[pathname.slice(1) as keyof typeof VERSIONS](env.AI)
    try {
      const answer = await ai.run('@cf/huggingface/distilbert-sst-2-int8', { text: searchParams.get('text') })
      return new Response(JSON.stringify(answer))
    } catch (error) {
      return Response.json({ name: (error as Error).name, message: (error as Error).message }, { status: 500 })
    }
  },
}
