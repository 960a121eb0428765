import { ValenceError } from '../../errors.ts'

/**
 * Keeps scripts of foreign web pages away. A page can make its own name mean this machine (DNS rebinding), and a browser on
 * it then sends its scripts' requests here; what it cannot do is to leave out where the scripts came from.
 *
 * @param allowed origins beside those of this machine
 * @throws ValenceError `scope_exceeded`
 */
export function refuseForeignOrigin(origin: string | undefined, allowed: readonly string[]): void {
  if (origin === undefined || allowed.includes(origin)) return
  const host = URL.canParse(origin) ? new URL(origin).hostname : ''
  if (host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)) return
  throw new ValenceError('scope_exceeded', 'Scripts of this origin may not call this server; --origins names who may.')
}
