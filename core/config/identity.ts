/** Who a peer is: its libp2p key, in identity.json or in the environment (`spec/config.md §2`). */

import { readFile } from 'node:fs/promises'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { PeerIdText } from '../pin/pin.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { type Environment, isObject } from './component.ts'
import { IdentityError } from './errors.ts'
import { identityFileOf } from './folder.ts'
import { parseJson } from './load.ts'

export interface Identity {
  id: PeerIdText
  privateKey: PrivateKey
}

export interface LoadedIdentity {
  identity: Identity
  /** Set when it was found in service.json, where old versions kept it, and identity.json was written. */
  moved: boolean
}

/** As written in a file or in variables: the ID and the key, base64 of the libp2p protobuf. */
export interface WrittenIdentity {
  id: string
  privateKey: string
}

/**
 * Loads the identity in `folder`: `CLUSTER_ID` and `CLUSTER_PRIVATEKEY` over identity.json. Without that file the one in
 * `legacy` (`cluster.id`, `cluster.private_key`) is taken and the file is written. Throws `IdentityError`.
 */
export async function loadIdentity(
  folder: string,
  environment: Environment,
  legacy: WrittenIdentity = { id: '', privateKey: '' },
): Promise<LoadedIdentity> {
  const file = identityFileOf(folder)
  const inFile = await readWritten(file)
  const moved = inFile === undefined && legacy.id !== '' && legacy.privateKey !== ''
  const written = {
    id: environment.CLUSTER_ID?.trim() || inFile?.id || legacy.id,
    privateKey: environment.CLUSTER_PRIVATEKEY?.trim() || inFile?.privateKey || legacy.privateKey,
  }
  if (written.id === '' && written.privateKey === '') {
    throw new IdentityError(file, 'not found; `cluster init` makes an identity')
  }
  const identity = decodeIdentity(written, inFile === undefined && !moved ? 'CLUSTER_PRIVATEKEY' : file)
  if (moved) await writeIdentity(folder, identity)
  return { identity, moved }
}

/** A new Ed25519 identity, or the one in the environment. Throws `IdentityError`. */
export async function createIdentity(environment: Environment): Promise<Identity> {
  const id = environment.CLUSTER_ID?.trim() ?? ''
  const privateKey = environment.CLUSTER_PRIVATEKEY?.trim() ?? ''
  if (id !== '' || privateKey !== '') return decodeIdentity({ id, privateKey }, 'CLUSTER_PRIVATEKEY')
  const key = await generateKeyPair('Ed25519')
  return { id: peerIdFromPrivateKey(key).toString(), privateKey: key }
}

/** Writes identity.json as the Go program does: four spaces, no final newline, readable by its owner only. */
export async function writeIdentity(folder: string, identity: Identity): Promise<void> {
  const json = {
    id: identity.id,
    private_key: Buffer.from(privateKeyToProtobuf(identity.privateKey)).toString('base64'),
  }
  await writeFileAtomically(identityFileOf(folder), JSON.stringify(json, null, 4), 0o600)
}

/** Decodes a key and compares it with its ID. `origin` names the place in messages. Throws `IdentityError`. */
export function decodeIdentity({ id, privateKey }: WrittenIdentity, origin: string): Identity {
  const bytes = Buffer.from(privateKey, 'base64')
  if (privateKey === '' || bytes.toString('base64').replace(/=+$/, '') !== privateKey.replace(/=+$/, '')) {
    throw new IdentityError(origin, 'private_key is not base64')
  }
  let key: PrivateKey
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch (cause) {
    throw new IdentityError(origin, 'private_key is not a libp2p private key', { cause })
  }
  const own = peerIdFromPrivateKey(key).toString()
  if (own !== id) {
    throw new IdentityError(
      origin,
      `identity ID does not match the private_key: the ID is ${JSON.stringify(id)}, the key's is ${own}`,
    )
  }
  return { id: own, privateKey: key }
}

async function readWritten(file: string): Promise<WrittenIdentity | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new IdentityError(file, `cannot be read: ${(cause as Error).message}`, { cause })
  }
  const json = parseJson(file, text)
  const { id, private_key: privateKey } = isObject(json) ? json : {}
  if (typeof id !== 'string' || typeof privateKey !== 'string') {
    throw new IdentityError(file, 'must be an object with the texts id and private_key')
  }
  return { id, privateKey }
}
