declare namespace Cloudflare {
  interface Env {
    AI: Ai
  }
  interface GlobalProps {
    mainModule: typeof import('../src/index.ts')
  }
}
