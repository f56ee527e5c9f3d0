/** The key of the node's libp2p host: base64 of the libp2p protobuf in `<folder>/key`, for its owner's eyes only. */
import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { syncFolder } from '../../runtime/sync-folder.ts'
import { RepositoryError } from './errors.ts'

/** Reads the key, or makes an Ed25519 key when there is none yet. Throws `RepositoryError`. */
export async function loadHostKey(folder: string): Promise<PrivateKey> {
  const file = join(folder, 'key')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new RepositoryError(`${file} cannot be read: ${error.message}`, { cause: error })
  })
  if (text === undefined) return makeHostKey(folder, file)
  try {
    return privateKeyFromProtobuf(Buffer.from(text.trim(), 'base64'))
  } catch (cause) {
    throw new RepositoryError(
      `${file} is not a libp2p private key in base64; put it back from a copy, or remove it: the node then gets a new ` +
        'peer ID, and every pin is checked again',
      { cause },
    )
  }
}

async function makeHostKey(folder: string, file: string): Promise<PrivateKey> {
  const key = await generateKeyPair('Ed25519')
  const neighbour = join(folder, `.key.${randomBytes(6).toString('hex')}`)
  try {
    const handle = await open(neighbour, 'wx', 0o600)
    try {
      await handle.writeFile(`${Buffer.from(privateKeyToProtobuf(key)).toString('base64')}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(neighbour, file)
  } catch (error) {
    await rm(neighbour, { force: true })
    throw error
  }
  await syncFolder(folder)
  return key
}
