/** The routes of the peer itself: identity, version, health, garbage collection, tokens (`spec/rest-api.md` §6, §9). */
import type { GoJson } from '../../pin/go-json.ts'
import { peerIdentityToJson } from '../../pin/info-json.ts'
import type { Authenticator } from '../authentication.ts'
import type { PeerService, RepoGcReport } from '../peer-service.ts'
import { isLocal, type Route } from './call.ts'

export function peerRoutes(service: PeerService, authenticator: Authenticator | undefined): Route[] {
  return [
    {
      method: 'GET',
      path: '/id',
      async handle({ reply, signal }) {
        reply.json(peerIdentityToJson(await service.identity({ signal })))
      },
    },
    {
      method: 'GET',
      path: '/version',
      handle({ reply }) {
        reply.json({ version: service.version })
      },
    },
    {
      method: 'GET',
      path: '/peers',
      handle({ reply, signal }) {
        return reply.rows(identities(service, signal))
      },
    },
    {
      method: 'POST',
      path: '/ipfs/gc',
      async handle({ query, reply, signal }) {
        reply.json(repoGcToJson(await service.repoGc({ local: isLocal(query), signal })))
      },
    },
    {
      method: 'POST',
      path: '/token',
      handle({ reply, user }) {
        if (!authenticator || user === undefined) return reply.error(401, 'unauthorized')
        reply.json({ token: authenticator.tokenFor(user) })
      },
    },
    {
      method: 'GET',
      path: '/health',
      handle({ reply }) {
        reply.noContent()
      },
    },
  ]
}

async function* identities(service: PeerService, signal: AbortSignal): AsyncGenerator<GoJson> {
  for await (const identity of service.peers({ signal })) yield peerIdentityToJson(identity)
}

function repoGcToJson(report: RepoGcReport): GoJson {
  const peers = [...report].map(([peer, { peerName, keys, error }]): [string, GoJson] => [
    peer,
    {
      peer,
      peername: peerName,
      keys: keys.map((row) => ({ key: row.cid?.toString() ?? null, error: row.error || undefined })),
      error: error || undefined,
    },
  ])
  return { peer_map: new Map(peers) }
}
