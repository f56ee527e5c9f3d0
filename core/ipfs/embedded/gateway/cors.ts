/**
 * Pages of any origin may read what the gateway gives, as with Kubo's: it is public content, named by its hash, and no
 * answer depends on who asks.
 */

export const methods = 'GET, HEAD, OPTIONS'

export const corsHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': methods,
  'access-control-allow-headers': 'Content-Type, Range, User-Agent, X-Requested-With',
  'access-control-expose-headers':
    'Content-Length, Content-Range, X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, X-Stream-Output',
}
