/** The routes of peers: identity, version, members, garbage collection, tokens (`spec/rest-api.md` §6, §9). */
import { messageOf } from '../../error-text.ts'
import type { GoJson } from '../../pin/go-json.ts'
import { peerIdentityToJson } from '../../pin/info-json.ts'
import { parsePeerId } from '../../pin/peer-id.ts'
import type { PeerIdText } from '../../pin/pin.ts'
import type { Scheduler } from '../../runtime/ports.ts'
import type { Authenticator } from '../authentication.ts'
import type { PeerService, RepoGcReport } from '../peer-service.ts'
import { isLocal, type Route } from './call.ts'
import { RequestError } from './errors.ts'
import { readJsonObject } from './json-body.ts'

export function peerRoutes(
  service: PeerService,
  authenticator: Authenticator | undefined,
  scheduler: Scheduler,
): Route[] {
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
      path: '/peers',
      async handle({ incoming, reply, signal }) {
        const { peer_id: peer } = await readJsonObject(incoming, scheduler)
        reply.json(
          peerIdentityToJson(await service.addPeer(peerFrom(peer, 'error decoding peer_id'), { signal })),
        )
      },
    },
    {
      method: 'DELETE',
      path: '/peers/:peer',
      async handle({ parameters, reply }) {
        await service.removePeer(peerFrom(parameters.peer))
        reply.noContent()
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
  ]
}

async function* identities(service: PeerService, signal: AbortSignal): AsyncGenerator<GoJson> {
  for await (const identity of service.peers({ signal })) yield peerIdentityToJson(identity)
}

/** `problem`: the whole text of the refusal; without it, the text of the original with the cause. */
function peerFrom(text: unknown, problem?: string): PeerIdText {
  try {
    return parsePeerId(String(text))
  } catch (cause) {
    const message = problem ?? `error decoding Peer ID: failed to parse peer ID: ${messageOf(cause)}`
    throw new RequestError(message, { cause })
  }
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
