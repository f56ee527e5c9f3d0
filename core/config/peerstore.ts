/** The peerstore file: known addresses of peers, one multiaddr with `/p2p/<id>` a line (`spec/config.md §2`). */
import { readFile } from 'node:fs/promises'
import { writeFileAtomically } from './atomic-file.ts'

/** Addresses that are kept; a file with more is read up to here. */
export const maxPeerstoreAddresses = 10_000

/** The addresses in the file, none when there is no file. Lines that do not begin with `/` are not addresses. */
export async function readPeerstore(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('/'))
    .slice(0, maxPeerstoreAddresses)
}

export async function writePeerstore(file: string, addresses: string[]): Promise<void> {
  const lines = addresses.slice(0, maxPeerstoreAddresses).map((address) => `${address}\n`)
  await writeFileAtomically(file, lines.join(''), 0o644)
}
