/** What the embedded node makes of CIDs of all codecs, hash functions and spellings. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { base16upper } from 'multiformats/bases/base16'
import { base32upper } from 'multiformats/bases/base32'
import { base36, base36upper } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import { createEmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { createSystemRuntime } from '../../../core/runtime/system.ts'
import { expectIpfsError, pinOptions, putAll } from './compliance-calls.ts'
import { cborBlock, collect, directoryBlock, rawBlock, textBytes } from './dag-fixtures.ts'
import { loopback, startNode, temporaryFolder } from './embedded-node.ts'

const limit = 60_000

test(
  'pins of CIDs that hold their content ask nobody, whatever the codec',
  async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path, { network: 'cluster' })
    const contents: [number, Uint8Array][] = [
      [0x55, new Uint8Array()],
      [0x55, textBytes('inline')],
      [dagPb.code, dagPb.encode(dagPb.createNode(new Uint8Array(), []))],
      [dagJson.code, dagJson.encode({ a: 1 })],
      [0x71, (await cborBlock({ a: 1 })).bytes],
      [0x51, (await cborBlock({ a: 1 })).bytes],
      [0x00, textBytes('codec 0')],
    ]
    for (const mode of ['recursive', 'direct'] as const) {
      for (const [codec, bytes] of contents) {
        const cid = CID.createV1(codec, await identity.digest(bytes))
        await node.pin(cid, pinOptions({ mode, stallTimeout: 0 }))
        expect(await node.pinState(cid)).not.toBe('unpinned')
        await collect(node.gc())
        await node.unpin(cid)
      }
    }
  },
  limit,
)

test(
  'a pin follows the links of dag-json, and says of an unknown codec that it does not',
  async () => {
    await using folder = await temporaryFolder()
    const lines: string[] = []
    const runtime = createSystemRuntime({
      levels: { all: 'info', components: new Map() },
      write: (line) => lines.push(line),
    })
    await using node = await createEmbeddedIpfs({
      folder: join(folder.path, 'node'),
      config: { ...loopback, network: 'cluster' },
      runtime,
    })
    const leaf = await rawBlock(textBytes('linked to by dag-json'))
    const gitBytes = textBytes('git')
    const git = { cid: CID.createV1(0x78, await sha256.digest(gitBytes)), bytes: gitBytes }
    const bytes = dagJson.encode({ leaf: leaf.cid, git: git.cid })
    const root = { cid: CID.createV1(dagJson.code, await sha256.digest(bytes)), bytes }
    await putAll(node, [leaf, git, root])
    expect((await node.pin(root.cid, pinOptions())).blocks).toBe(3)
    expect(await collect(node.gc())).toEqual([])
    const line = lines.find((text) => text.includes('codec'))
    expect(line).toContain(git.cid.toString())
    expect(line).toContain('0x78')
    expect((await node.resolve(`/ipfs/${root.cid}/leaf`)).equals(leaf.cid)).toBe(true)
  },
  limit,
)

test(
  'a path takes a CID in every multibase',
  async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path, { network: 'cluster' })
    const leaf = await rawBlock(textBytes('at the end'))
    const root = await directoryBlock({ leaf })
    await putAll(node, [leaf, root])
    const { cid } = root
    const bases = [base32upper, base36, base36upper, base58btc, base64url]
    const spellings = [
      cid.toString(),
      ...bases.map((base) => base.encode(cid.bytes)),
      base16upper.encode(cid.bytes),
    ]
    for (const text of spellings) {
      expect((await node.resolve(`/ipfs/${text}/leaf`)).toString(), text).toBe(leaf.cid.toString())
    }
    await expectIpfsError(node.resolve('/ipfs/not-a-cid/leaf'), 'failed')
  },
  limit,
)
